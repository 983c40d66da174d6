"""On a cluster that others use, the demonstration refuses whatever is not its own, before it changes anything."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from dev.demo.kubectl import Kubectl
from dev.demo.ownership import (
    LABEL,
    NAMESPACE,
    PROMETHEUS_NAMESPACE,
    RELEASE,
    RELEASE_NAMESPACE,
    TUNINGS,
    NotOurs,
    ensure_namespace,
    refuse_tunings_of_others,
    refuse_what_others_have,
    renew_namespace,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCluster(Kubectl):
    """Answers `get` from its objects, by kind; remembers the calls that change something, and obeys those."""

    namespaces: dict[str, Json] = field(default_factory=dict)
    crds: dict[str, Json] = field(default_factory=dict)
    deployments: list[Json] = field(default_factory=list)
    tunings: list[Json] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def run(self, *arguments: str, manifest: str = "") -> str:
        match arguments:
            case ["get", "namespace", name, *_]:
                return _one(self.namespaces.get(name))
            case ["get", "customresourcedefinition", name, *_]:
                return _one(self.crds.get(name))
            case ["get", "namespaces", selector, *_] if selector == f"--selector={LABEL}":
                return _list([each for each in self.namespaces.values() if LABEL in each["metadata"]["labels"]])
            case ["get", "deployments", "--all-namespaces", selector, *_]:
                name, value = selector.removeprefix("--selector=").split("=")
                return _list([each for each in self.deployments if each["metadata"]["labels"].get(name) == value])
            case ["get", kind, "--all-namespaces", *_] if kind == TUNINGS:
                return _list(self.tunings)
            case ["create", *_]:
                created = json.loads(manifest)
                self.namespaces[created["metadata"]["name"]] = created
            case ["delete", "namespace", name, *_]:
                del self.namespaces[name]
            case _:
                raise AssertionError(f"not expected: {arguments}")
        self.changes.append(arguments[0])
        return ""


def _one(found: Json | None) -> str:
    return "" if found is None else json.dumps(found)


def _list(items: list[Json]) -> str:
    return json.dumps({"items": items})


def named(name: str, *, namespace: str = "", labels: Json | None = None, annotations: Json | None = None) -> Json:
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}, "annotations": annotations or {}}
    return {"metadata": metadata}


def ours(name: str) -> Json:
    return named(name, labels={LABEL: "true"})


def crd_of(release: str, namespace: str) -> Json:
    annotations = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return {TUNINGS: named(TUNINGS, annotations=annotations)}


def operator_in(namespace: str) -> Json:
    return named("operator", namespace=namespace, labels={"app.kubernetes.io/name": "fastapi-tuning-operator"})


def test_an_empty_cluster_is_free() -> None:
    refuse_what_others_have(FakeCluster())


def test_what_an_earlier_run_left_is_its_own() -> None:
    names = (NAMESPACE, PROMETHEUS_NAMESPACE, RELEASE_NAMESPACE)
    cluster = FakeCluster(
        namespaces={name: ours(name) for name in names},
        crds=crd_of(RELEASE, RELEASE_NAMESPACE),
        deployments=[operator_in(RELEASE_NAMESPACE)],
    )
    refuse_what_others_have(cluster)


@pytest.mark.parametrize(
    ("cluster", "named_in_the_refusal"),
    [
        *(
            pytest.param(FakeCluster(namespaces={name: named(name)}), name, id=name)
            for name in (NAMESPACE, PROMETHEUS_NAMESPACE, RELEASE_NAMESPACE)
        ),
        pytest.param(FakeCluster(crds=crd_of("tuner", "platform")), "release tuner in platform", id="CRD of a release"),
        pytest.param(FakeCluster(crds={TUNINGS: named(TUNINGS)}), "somebody else", id="CRD by hand"),
        pytest.param(
            FakeCluster(crds=crd_of(RELEASE, "platform")), "in platform", id="CRD of a release of our name elsewhere"
        ),
        pytest.param(FakeCluster(deployments=[operator_in("platform")]), "platform/operator", id="another operator"),
    ],
)
def test_what_others_have_is_refused_and_named(cluster: FakeCluster, named_in_the_refusal: str) -> None:
    with pytest.raises(NotOurs, match=named_in_the_refusal):
        refuse_what_others_have(cluster)
    assert cluster.changes == []


def test_a_namespace_is_made_with_our_label_and_is_ours_from_then_on() -> None:
    cluster = FakeCluster()
    ensure_namespace(cluster, NAMESPACE)
    ensure_namespace(cluster, NAMESPACE)
    assert cluster.changes == ["create"]


def test_our_namespace_is_emptied_by_making_it_anew() -> None:
    cluster = FakeCluster(namespaces={NAMESPACE: ours(NAMESPACE)})
    renew_namespace(cluster, NAMESPACE)
    assert cluster.changes == ["delete", "create"]
    assert LABEL in cluster.namespaces[NAMESPACE]["metadata"]["labels"]


def test_a_namespace_of_somebody_else_is_never_deleted() -> None:
    cluster = FakeCluster(namespaces={NAMESPACE: named(NAMESPACE)})
    with pytest.raises(NotOurs):
        renew_namespace(cluster, NAMESPACE)
    assert cluster.changes == []


def test_an_operator_for_all_namespaces_is_not_set_upon_objects_of_others() -> None:
    mine, theirs = named("checkout", namespace="of-a-test"), named("checkout", namespace="shop")
    labelled = {"of-a-test": ours("of-a-test")}
    crds = crd_of(RELEASE, RELEASE_NAMESPACE)

    refuse_tunings_of_others(FakeCluster())
    refuse_tunings_of_others(FakeCluster(crds=crds, namespaces=labelled, tunings=[mine]))
    with pytest.raises(NotOurs, match="shop/checkout"):
        refuse_tunings_of_others(FakeCluster(crds=crds, namespaces=labelled, tunings=[mine, theirs]))
