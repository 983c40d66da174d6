"""The main job on a real cluster: overload is seen, mended, told; and in mode Recommend only told."""

from dev.demo.ownership import TUNINGS
from dev.demo.sample_service import NAME
from dev.demo.service import Service
from tests.e2e.waiting import eventually

BY_RESTART = {"strategy": "RollingRestart"}
OVERLOAD = "300s@60"
"""60 requests/s where a pod answers 40."""


def test_an_overloaded_service_is_brought_back_within_its_objective(service: Service) -> None:
    service.deploy(replicas=1)
    service.tune(apply=BY_RESTART, replicas={"min": 1, "max": 5})
    service.offer(OVERLOAD)

    eventually(lambda: service.condition("ObjectiveMet")[0] == "False", "the overload is seen")
    eventually(lambda: service.replicas() > 1 or "FASTAPI_TUNING_THREAD_POOL_SIZE" in service.environment(), "a move")
    eventually(lambda: (service.fast_ratio() or 0.0) >= 0.99, "clients are served within the objective")
    eventually(lambda: service.condition("ObjectiveMet")[0] == "True", "and the status says so")

    assert service.restarts() == 0
    decision = service.status()["decisions"][0]
    assert "requests" in decision["message"], "it says what it was made from"
    assert decision["reason"] in service.reasons()
    line = service.kubectl.run("get", "--namespace", service.namespace, TUNINGS, NAME)
    assert "Auto" in line
    assert f"/{service.tuning()['spec']['objectives']['latency']['thresholdMilliseconds']} ms" in line


def test_recommend_says_what_it_would_do_and_leaves_the_workload_alone(service: Service) -> None:
    service.deploy(replicas=1)
    service.tune(mode="Recommend", replicas={"min": 1, "max": 5})
    before = service.deployment()
    service.offer("240s@60")

    def recommended() -> bool:
        settings = service.status().get("recommendation", {}).get("settings", {})
        return bool(settings.get("replicas", 0) > 1 or settings.get("threads", 0) > 40)

    eventually(recommended, "a recommendation")
    after = service.deployment()
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    managers = {entry["manager"] for entry in after["metadata"]["managedFields"]}
    assert "fastapi-tuning-operator" not in managers


def test_workers_become_pods_before_each_pod_runs_one(service: Service) -> None:
    command = ["/venv/bin/uvicorn", "sample_app.main:app", "--host=0.0.0.0", "--port=8000"]
    service.deploy(replicas=1, command=command, env=[{"name": "WEB_CONCURRENCY", "value": "2"}])
    kept = {"min": 1, "max": 4, "scaleDown": {"stabilizationSeconds": 3600}}
    service.tune(apply=BY_RESTART, workers={"mode": "Enforce"}, replicas=kept)
    service.offer("300s@10")

    eventually(lambda: service.replicas() == 2, "two pods for two workers")
    assert "UVICORN_WORKERS" not in service.environment(), "not before the second pod is there"
    eventually(lambda: service.environment().get("UVICORN_WORKERS") == "1", "one worker in each")
    assert service.environment()["WEB_CONCURRENCY"] == "2", "the variable of the user stays theirs"
    eventually(lambda: service.condition("OneWorkerPerPod")[0] == "True", "and the status says so")
    assert service.replicas() >= 2
