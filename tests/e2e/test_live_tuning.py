"""Live tuning of an app that nobody prepared: the agent comes into its pods, and settings without a restart."""

from collections.abc import Iterator

import pytest

from dev.demo.kubectl import Kubectl
from dev.demo.ownership import RELEASE, RELEASE_NAMESPACE
from dev.demo.service import PLAIN_COMMAND, PLAIN_SLOW_PATH, Service
from tests.e2e.waiting import eventually, throughout

INIT_CONTAINER = "fastapi-tuning-agent"
ONE_POD = {"mode": "Off"}
SEVERAL_CYCLES_SECONDS = 20.0


@pytest.fixture
def operator_outage(kubectl: Kubectl) -> Iterator[None]:
    scale = ("scale", "--namespace", RELEASE_NAMESPACE, f"deployment/{RELEASE}")
    kubectl.run(*scale, "--replicas=0")
    kubectl.run("wait", "--namespace", RELEASE_NAMESPACE, "--for=delete", "pods", "--all", "--timeout=60s")
    yield
    kubectl.run(*scale, "--replicas=2")
    kubectl.await_rollout(RELEASE_NAMESPACE, RELEASE)


def carry_the_agent(service: Service) -> bool:
    return all(
        INIT_CONTAINER in {container["name"] for container in pod["spec"].get("initContainers", [])}
        for pod in service.pods()
    )


def revision(service: Service) -> str:
    found: str = service.deployment()["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    return found


def test_an_overload_of_threads_is_mended_in_the_running_pod(service: Service) -> None:
    service.tune(apply={"strategy": "Auto"}, replicas=ONE_POD)
    service.deploy_plain(replicas=1)
    assert carry_the_agent(service)
    pods, generation = service.pod_uids(), service.deployment()["metadata"]["generation"]
    service.offer("300s@60", PLAIN_SLOW_PATH)

    eventually(lambda: service.condition("ObjectiveMet")[0] == "False", "the overload is seen")
    eventually(lambda: (service.threads() or 0.0) > 60, "more threads than requests are answered at once")
    eventually(lambda: (service.fast_ratio() or 0.0) >= 0.99, "clients are served within the objective")
    eventually(lambda: service.condition("SettingsAcknowledged")[0] == "True", "and the pod says so")

    assert service.status()["metricsSource"] == "Agent", "nothing else tells of this app"
    assert service.pod_uids() == pods
    assert service.restarts() == 0
    assert service.deployment()["metadata"]["generation"] == generation, "the Deployment is as the user wrote it"


def test_a_running_service_gets_the_agent_by_one_announced_restart(service: Service) -> None:
    service.deploy_plain(replicas=2)
    assert not carry_the_agent(service)
    service.tune(apply={"strategy": "Auto"}, replicas=ONE_POD)

    eventually(lambda: service.condition("AgentInjected")[0] == "True", "every pod carries the agent")
    assert revision(service) == "2"
    assert "AgentMissing" in service.reasons()
    throughout(SEVERAL_CYCLES_SECONDS, lambda: revision(service) == "2", "one restart, not two")


@pytest.mark.disruptive
def test_a_pod_starts_without_the_agent_where_nobody_answers_the_webhook(
    service: Service, operator_outage: None
) -> None:
    service.tune(apply={"strategy": "Auto"}, replicas=ONE_POD)
    service.deploy_plain(replicas=1)
    assert not carry_the_agent(service)


def test_a_template_that_opts_out_is_left_alone(service: Service) -> None:
    service.tune(apply={"strategy": "Auto"}, replicas=ONE_POD)
    service.deploy_plain(replicas=1, annotations={"fastapituning.io/inject": "false"})
    eventually(lambda: service.condition("AgentInjected")[0] == "False", "said to be without")
    assert not carry_the_agent(service)
    assert revision(service) == "1"


def test_workers_that_an_argument_asks_for_become_pods_and_the_agent_starts_one(service: Service) -> None:
    kept = {"min": 1, "max": 4, "scaleDown": {"stabilizationSeconds": 3600}}
    service.tune(apply={"strategy": "Auto"}, workers={"mode": "Enforce"}, replicas=kept)
    service.deploy_plain(replicas=1, command=[*PLAIN_COMMAND, "--workers=2"])
    service.offer("300s@10", "/threads?milliseconds=100")

    eventually(lambda: service.replicas() == 2, "two pods for two workers")
    eventually(lambda: service.environment().get("FASTAPI_TUNING_WORKERS_MODE") == "Enforce", "then the order")
    eventually(lambda: service.condition("OneWorkerPerPod")[0] == "True", "and the agents count one in each")
    assert service.failed_ratio() == 0.0, "no request failed on the way"


def test_a_blocking_call_is_named_by_file_and_line(service: Service) -> None:
    service.tune(apply={"strategy": "Auto"}, replicas=ONE_POD)
    service.deploy_plain(replicas=1)
    service.offer("240s@2", "/blocks?milliseconds=250")

    eventually(lambda: service.condition("EventLoopFree") == ("False", "EventLoopBlocked"), "the call is found")
    (found,) = [each for each in service.status()["conditions"] if each["type"] == "EventLoopFree"]
    assert "sample_app/plain.py:" in found["message"]
    assert "blocks_the_loop" in found["message"]
