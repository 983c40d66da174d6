"""The Job of one step, and the ConfigMap of a Locust scenario. Pure: what the API server is given.

A Job ends by itself in three ways if nobody removes it: at the end of its load, at its deadline, and some minutes later
for good. It belongs to the FastAPITuning, so that it goes with it; the ConfigMap belongs to the Job.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_tuning.api.tuning import GROUP, KIND, VERSION, FastAPITuning
from fastapi_tuning.load_test.search import Trial

RUN_LABEL = f"{GROUP}/load-test-run"
"""Which run of the command made it: nothing of another run is ever removed."""
START_SECONDS = 60.0
"""For the image to be pulled and the pod to start."""
_KEPT_SECONDS = 300
_MOST_NAME = 63
_PREFIX = "load-test-"
_LISTENER, _SCENARIO = "locust_listener.py", "scenario.py"
_SCENARIO_FOLDER = "/scenario"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What load is for, and where it goes."""

    namespace: str
    deployment: str
    pod_labels: Mapping[str, str]
    """The generator keeps away from the nodes of these pods where it can."""
    url: str
    """Scheme, host and port."""
    owner: FastAPITuning | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoop:
    """The built-in generator: one path, Poisson arrivals."""

    path: str
    unit = "requests/s"
    grain = 0.1

    def told(self, target: Target) -> str:
        return f"Open loop on GET {target.url}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locust:
    """A scenario of one's own; levels are users."""

    scenario: str
    """The text of the locustfile."""
    listener: str
    """Of load/locust_listener.py."""
    name: str
    unit = "users"
    grain = 1.0

    def told(self, target: Target) -> str:
        return f"Locust scenario {self.name} on {target.url}, a closed loop"


Load = OpenLoop | Locust


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the generator has to know of the objective."""

    threshold_seconds: float
    timeout_seconds: float
    most_bad_share: float


def name_of(deployment: str) -> str:
    """Of Job and ConfigMap: the same for each step, so that two tests of one service exclude each other."""
    return f"{_PREFIX}{deployment}"[:_MOST_NAME].rstrip("-.")


def deadline_seconds(trial: Trial, judgement: Judgement) -> int:
    """When the Job is ended whatever it does."""
    return math.ceil(START_SECONDS + trial.load_seconds + judgement.timeout_seconds)


def job(trial: Trial, load: Load, target: Target, judgement: Judgement, *, image: str, run: str, seed: int) -> Json:
    """The Job that offers the trial. `seed`: of the arrivals, another one in each step."""
    labels = {"app.kubernetes.io/name": "fastapi-tuning-load-test", RUN_LABEL: run}
    containers, volumes = _containers(trial, load, target, judgement, image, seed)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_of(target.deployment),
            "namespace": target.namespace,
            "labels": labels,
            "ownerReferences": [] if target.owner is None else [_owner(target.owner)],
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": deadline_seconds(trial, judgement),
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 5,
                    "affinity": _away_from(target.pod_labels),
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65532,
                        "runAsGroup": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": containers,
                    "volumes": volumes,
                },
            },
        },
    }


def config_map(load: Locust, target: Target, *, run: str, owner_uid: str) -> Json:
    """The scenario and what sums it up, for the Job of that UID."""
    name = name_of(target.deployment)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": target.namespace,
            "labels": {RUN_LABEL: run},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": owner_uid}],
        },
        "data": {_SCENARIO: load.scenario, _LISTENER: load.listener},
    }


def _owner(tuning: FastAPITuning) -> Json:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "name": tuning.name, "uid": tuning.uid}


def _away_from(labels: Mapping[str, str]) -> Json:
    term = {"labelSelector": {"matchLabels": dict(labels)}, "topologyKey": "kubernetes.io/hostname"}
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]
        }
    }


def _containers(
    trial: Trial, load: Load, target: Target, judgement: Judgement, image: str, seed: int
) -> tuple[list[Json], list[Json]]:
    """The one container, and its volumes."""
    volumes: list[Json] = [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
    mounts: list[Json] = [{"name": "tmp", "mountPath": "/tmp"}]
    container: Json = {
        "name": "load",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    match load:
        case OpenLoop():
            container |= {
                "command": ["/venv/bin/python", "-m", "fastapi_tuning.load"],
                "args": _open_loop_arguments(trial, load, target, judgement, seed),
            }
        case Locust():
            container |= {
                "command": ["locust"],
                "args": _locust_arguments(trial, target),
                "env": _locust_environment(trial, judgement),
                "workingDir": "/tmp",
            }
            volumes.append({"name": "scenario", "configMap": {"name": name_of(target.deployment)}})
            mounts.append({"name": "scenario", "mountPath": _SCENARIO_FOLDER, "readOnly": True})
    return [container], volumes


def _open_loop_arguments(
    trial: Trial, load: OpenLoop, target: Target, judgement: Judgement, seed: int
) -> Sequence[str]:
    return [
        f"--url={target.url}",
        f"--path={load.path}",
        f"--profile={trial.settle_seconds:g}s@{trial.level:g},{trial.seconds:g}s@{trial.level:g}",
        f"--timeout={judgement.timeout_seconds:g}",
        f"--objective-milliseconds={1000 * judgement.threshold_seconds:g}",
        f"--stop-at-bad-share={judgement.most_bad_share:g}",
        f"--stop-at-bad={trial.most_bad_requests}",
        f"--seed={seed}",
    ]


def _locust_arguments(trial: Trial, target: Target) -> Sequence[str]:
    return [
        "--headless",
        "--only-summary",
        f"--locustfile={_SCENARIO_FOLDER}/{_SCENARIO},{_SCENARIO_FOLDER}/{_LISTENER}",
        f"--host={target.url}",
        f"--users={trial.level:g}",
        f"--spawn-rate={max(1.0, trial.level / trial.settle_seconds):g}",
        f"--run-time={math.ceil(trial.load_seconds)}s",
        "--stop-timeout=0",
    ]


def _locust_environment(trial: Trial, judgement: Judgement) -> list[Json]:
    values = {
        "LOAD_SETTLE_SECONDS": f"{trial.settle_seconds:g}",
        "LOAD_SECONDS": f"{trial.seconds:g}",
        "LOAD_OBJECTIVE_SECONDS": f"{judgement.threshold_seconds:g}",
        "LOAD_MOST_BAD_SHARE": f"{judgement.most_bad_share:g}",
        "LOAD_MOST_BAD": str(trial.most_bad_requests),
        "HOME": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return [{"name": name, "value": value} for name, value in values.items()]
