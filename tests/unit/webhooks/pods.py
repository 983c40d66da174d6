"""Pods as the API server shows them to a webhook: made by a ReplicaSet, in every shape that users give them."""

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]


def pod(**spec: Any) -> Json:
    """A pod of the Deployment "checkout" with one container, "app"."""
    metadata = {
        "generateName": "checkout-6b7f9c-",
        "labels": {"app": "checkout", "pod-template-hash": "6b7f9c"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout-6b7f9c", "uid": "u", "controller": True}
        ],
    }
    return {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": "shop"}], **spec}}


def app(**container: Any) -> Json:
    """A pod whose container "app" is like this."""
    return pod(containers=[{"name": "app", "image": "shop", **container}])


_NAMES = st.sampled_from(("alpha", "beta", "gamma", "delta"))
_VARIABLES = st.sampled_from(("PYTHONPATH", "DEBUG", "PATH_PREFIX", "UVICORN_WORKERS"))
_PORTS = st.integers(1, 65535) | st.just(9964)


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Each field present, absent, or null, as clients write it."""
    return st.fixed_dictionaries({}, optional={name: st.none() | strategy for name, strategy in fields.items()})


def _unique(strategy: st.SearchStrategy[Json], key: str) -> st.SearchStrategy[list[Json]]:
    return st.lists(strategy, max_size=3, unique_by=lambda entry: entry[key])


_ENVIRONMENT = st.lists(
    st.fixed_dictionaries({"name": _VARIABLES, "value": st.sampled_from(("", "/srv", "a:b"))}), max_size=4
)
_MOUNTS = _unique(
    st.fixed_dictionaries({"name": _NAMES, "mountPath": _NAMES.map(lambda name: f"/{name}")}), "mountPath"
)
_DECLARED = _unique(st.fixed_dictionaries({"containerPort": _PORTS}), "containerPort")
_RESOURCES = _optional(
    requests=st.just({"cpu": "100m", "nvidia.com/gpu": "1"}), limits=st.just({"memory": "1Gi", "hugepages-2Mi": "4Mi"})
)


def _containers(names: tuple[str, ...]) -> st.SearchStrategy[list[Json]]:
    def named(name: str) -> st.SearchStrategy[Json]:
        fields = _optional(
            env=_ENVIRONMENT, volumeMounts=_MOUNTS, ports=_DECLARED, resources=_RESOURCES, envFrom=st.just([{}])
        )
        return fields.map(lambda entry: {"name": name, "image": name, **entry})

    return st.tuples(*map(named, names)).map(list)


pods = st.builds(
    lambda metadata, spec, containers: {
        "metadata": {**pod()["metadata"], **metadata},
        "spec": {**spec, "containers": containers},
    },
    metadata=_optional(
        annotations=st.dictionaries(st.sampled_from(("team", "prometheus.io/port")), st.just("1")),
        labels=st.just({"app": "checkout"}),
    ),
    spec=_optional(
        initContainers=_unique(
            st.fixed_dictionaries({"name": _NAMES}, optional={"restartPolicy": st.just("Always")}), "name"
        ),
        volumes=_unique(st.fixed_dictionaries({"name": _NAMES, "emptyDir": st.just({})}), "name"),
        securityContext=_optional(runAsUser=st.sampled_from((0, 1000)), fsGroup=st.just(2000)),
        hostUsers=st.booleans(),
        serviceAccountName=_NAMES,
    ),
    containers=st.permutations(("app", "proxy", "logs")).flatmap(lambda names: _containers(tuple(names))),
)
"""Any pod that leaves room for the agent: three containers in some order, one of them "app"."""
