"""What the webhook adds to a pod, and to which pods it adds nothing."""

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given

from fastapi_tuning.api.agent import INIT_CONTAINER
from fastapi_tuning.webhooks.injection import (
    AGENT_DIRECTORY,
    AGENT_VOLUME,
    METRICS_PORT_NAME,
    SETTINGS_VOLUME,
    AgentSource,
    Refusal,
    inject,
)
from tests.unit.webhooks.pods import Json, app, pod, pods

SOURCE = AgentSource(image="registry/operator:1", pull_policy="IfNotPresent", metrics_port=9964)
SETTINGS = '{"generation":3,"threads":60}'
OURS = {
    "PYTHONPATH",
    "FASTAPI_TUNING_SETTINGS_FILE",
    "FASTAPI_TUNING_PROFILE_FILE",
    "FASTAPI_TUNING_METRICS_PORT",
}


def injected(given_pod: Json, container: str = "app") -> Json:
    operations = inject(given_pod, container, SETTINGS, SOURCE)
    assert not isinstance(operations, Refusal), operations
    result: Json = jsonpatch.apply_patch(given_pod, list(operations))
    return result


def container_of(given_pod: Json, name: str = "app") -> Json:
    return next(each for each in given_pod["spec"]["containers"] if each["name"] == name)


def variables_of(given_pod: Json) -> dict[str, str]:
    """As the kubelet takes them: the last entry of a name counts."""
    return {entry["name"]: entry["value"] for entry in container_of(given_pod).get("env") or ()}


@given(pods)
def test_an_injected_pod_is_not_injected_again(any_pod: Json) -> None:
    once = injected(any_pod)
    assert inject(once, "app", SETTINGS, SOURCE) == ()


@given(pods)
def test_the_other_containers_and_everything_else_of_the_pod_stay_as_they_are(any_pod: Json) -> None:
    after = injected(any_pod)
    for name in ("proxy", "logs"):
        assert container_of(after, name) == container_of(any_pod, name)
    order = [each["name"] for each in any_pod["spec"]["containers"]]
    assert [each["name"] for each in after["spec"]["containers"]] == order
    touched = {"containers", "initContainers", "volumes"}
    assert _without(after["spec"], touched) == _without(any_pod["spec"], touched)
    assert _without(after["metadata"], {"annotations", "labels"}) == _without(
        any_pod["metadata"], {"annotations", "labels"}
    )


@given(pods)
def test_of_the_app_only_environment_mounts_and_ports_grow(any_pod: Json) -> None:
    before, after = container_of(any_pod), container_of(injected(any_pod))
    grown = {"env", "volumeMounts", "ports"}
    assert _without(after, grown) == _without(before, grown)
    for field in ("volumeMounts", "ports"):
        had = before.get(field) or []
        assert (after.get(field) or [])[: len(had)] == had
    kept = [entry for entry in before.get("env") or [] if entry["name"] != "PYTHONPATH"]
    assert [entry for entry in after["env"] if entry["name"] not in OURS] == kept


@given(pods)
def test_volumes_and_init_containers_of_the_user_come_first_and_in_their_order(any_pod: Json) -> None:
    after = injected(any_pod)["spec"]
    for field in ("volumes", "initContainers"):
        had = any_pod["spec"].get(field) or []
        assert after[field][: len(had)] == had


@given(pods)
def test_nothing_is_named_twice_since_the_api_server_would_refuse_the_pod(any_pod: Json) -> None:
    spec = injected(any_pod)["spec"]
    containers = [each["name"] for each in (*spec["containers"], *spec["initContainers"])]
    volumes = [each["name"] for each in spec["volumes"]]
    for each in spec["containers"]:
        paths = [mount["mountPath"] for mount in each.get("volumeMounts") or ()]
        ports = [port["containerPort"] for port in each.get("ports") or ()]
        assert len(paths) == len(set(paths))
        assert len(ports) == len(set(ports))
    assert len(containers) == len(set(containers))
    if len({each["name"] for each in spec["volumes"][:-2]}) == len(spec["volumes"]) - 2:
        assert len(volumes) == len(set(volumes))


@given(pods)
def test_the_agent_comes_before_whatever_was_on_the_path(any_pod: Json) -> None:
    before, after = variables_of(any_pod).get("PYTHONPATH"), variables_of(injected(any_pod))["PYTHONPATH"]
    first, _, rest = after.partition(":")
    assert first == AGENT_DIRECTORY
    if before is not None:
        assert rest == before
    elif container_of(any_pod).get("envFrom"):
        assert rest == "$(PYTHONPATH)"
    else:
        assert rest == ""


@given(pods)
def test_after_another_injector_the_agent_is_first_again_and_nothing_else_changes(any_pod: Json) -> None:
    once = injected(any_pod)
    for entry in container_of(once)["env"]:
        if entry["name"] == "PYTHONPATH":
            entry["value"] = f"/otel:{entry['value']}:/otel/lib"
    twice = injected(once)
    assert variables_of(twice)["PYTHONPATH"].startswith(f"{AGENT_DIRECTORY}:/otel:")
    for each in (once, twice):
        container_of(each)["env"].clear()
    assert twice == once
    assert inject(injected(any_pod), "app", SETTINGS, SOURCE) == ()


@given(pods)
def test_the_agent_is_shown_settings_and_requests_for_profiles_each_in_a_file(any_pod: Json) -> None:
    (volume,) = [each for each in injected(any_pod)["spec"]["volumes"] if each["name"] == SETTINGS_VOLUME]
    shown = {item["path"]: item["fieldRef"]["fieldPath"] for item in volume["downwardAPI"]["items"]}
    assert shown == {
        "settings.json": "metadata.annotations['fastapituning.io/settings']",
        "profile.json": "metadata.annotations['fastapituning.io/profile']",
    }


@given(pods)
def test_a_container_that_wants_no_profiles_says_so(any_pod: Json) -> None:
    container_of(any_pod)["env"] = [{"name": "FASTAPI_TUNING_PROFILE_FILE", "value": ""}]
    assert variables_of(injected(any_pod))["FASTAPI_TUNING_PROFILE_FILE"] == ""


@given(pods)
def test_the_pod_starts_with_the_values_of_the_others(any_pod: Json) -> None:
    annotations = injected(any_pod)["metadata"]["annotations"]
    assert annotations["fastapituning.io/settings"] == SETTINGS
    for name, value in (any_pod["metadata"].get("annotations") or {}).items():
        assert annotations[name] == value


@given(pods)
def test_the_agents_port_is_one_that_nobody_declared(any_pod: Json) -> None:
    declared = {port["containerPort"] for each in any_pod["spec"]["containers"] for port in each.get("ports") or ()}
    after = injected(any_pod)
    port = next(each for each in container_of(after)["ports"] if each.get("name") == METRICS_PORT_NAME)
    assert port["containerPort"] not in declared
    assert variables_of(after)["FASTAPI_TUNING_METRICS_PORT"] == str(port["containerPort"])


@given(pods)
def test_the_pod_asked_about_is_not_changed_by_asking(any_pod: Json) -> None:
    before = copy.deepcopy(any_pod)
    inject(any_pod, "app", SETTINGS, SOURCE)
    assert any_pod == before


def test_the_init_container_passes_pod_security_restricted() -> None:
    (init,) = injected(pod())["spec"]["initContainers"]
    security = init["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "runAsUser" not in security, "the pod's user, or the one that a platform assigns"


def test_a_pod_that_runs_as_root_does_not_make_the_copy_impossible() -> None:
    (init,) = injected(pod(securityContext={"runAsUser": 0}))["spec"]["initContainers"]
    assert init["securityContext"]["runAsUser"] != 0


def test_the_copy_asks_for_no_more_than_the_app_and_keeps_its_quality_of_service() -> None:
    amounts = {"cpu": "1", "memory": "512Mi"}
    guaranteed = app(resources={"requests": amounts, "limits": {**amounts, "nvidia.com/gpu": "1"}})
    (init,) = injected(guaranteed)["spec"]["initContainers"]
    assert init["resources"] == {"requests": amounts, "limits": amounts}


def test_the_app_reads_the_agent_and_cannot_write_to_it() -> None:
    mounts = {mount["name"]: mount for mount in container_of(injected(pod()))["volumeMounts"]}
    assert set(mounts) == {AGENT_VOLUME, SETTINGS_VOLUME}
    assert all(mount["readOnly"] for mount in mounts.values())


def test_a_port_that_the_user_called_by_our_name_is_used() -> None:
    after = injected(app(ports=[{"name": METRICS_PORT_NAME, "containerPort": 7000}]))
    assert variables_of(after)["FASTAPI_TUNING_METRICS_PORT"] == "7000"
    assert len(container_of(after)["ports"]) == 1


def test_annotations_of_the_user_for_a_prometheus_stand() -> None:
    scraped = pod()
    scraped["metadata"]["annotations"] = {"prometheus.io/port": "8000"}
    annotations = injected(scraped)["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == "8000"
    assert "prometheus.io/scrape" not in annotations


def test_a_pod_that_shows_its_annotation_to_an_agent_of_its_own_gets_the_values_alone() -> None:
    item = {"path": "s", "fieldRef": {"fieldPath": "metadata.annotations['fastapituning.io/settings']"}}
    own = pod(volumes=[{"name": "tuning", "downwardAPI": {"items": [item]}}])
    after = injected(own)
    assert after["spec"] == own["spec"]
    assert after["metadata"]["annotations"] == {"fastapituning.io/settings": SETTINGS}


def _opted_out() -> Json:
    made = pod()
    made["metadata"]["annotations"] = {"fastapituning.io/inject": "false"}
    return made


@pytest.mark.parametrize(
    "left_alone",
    [
        pytest.param(_opted_out(), id="annotation"),
        pytest.param(pod(os={"name": "windows"}), id="windows"),
        pytest.param(pod(nodeSelector={"kubernetes.io/os": "windows"}), id="windows by node"),
        pytest.param(app(env=[{"name": "FASTAPI_TUNING_AGENT", "value": "off"}]), id="kill switch"),
    ],
)
def test_a_pod_that_asks_to_be_left_alone_is_and_nobody_is_told(left_alone: Json) -> None:
    refusal = inject(left_alone, "app", SETTINGS, SOURCE)
    assert isinstance(refusal, Refusal)
    assert refusal.asked_for


_FROM_CONFIG_MAP = {"name": "PYTHONPATH", "valueFrom": {"configMapKeyRef": {"name": "paths", "key": "python"}}}


@pytest.mark.parametrize(
    ("crowded", "named"),
    [
        pytest.param(app(env=[_FROM_CONFIG_MAP]), "PYTHONPATH", id="path from elsewhere"),
        pytest.param(pod(volumes=[{"name": AGENT_VOLUME, "emptyDir": {}}]), AGENT_VOLUME, id="volume"),
        pytest.param(
            app(volumeMounts=[{"name": "x", "mountPath": "/etc/fastapi-tuning/"}]), "/etc/fastapi-tuning", id="mount"
        ),
        pytest.param(pod(hostNetwork=True), "hostNetwork", id="host network"),
        pytest.param(
            pod(containers=[{"name": "app"}, {"name": INIT_CONTAINER}]), INIT_CONTAINER, id="container of our name"
        ),
    ],
)
def test_a_pod_without_room_is_refused_and_told_why(crowded: Json, named: str) -> None:
    refusal = inject(crowded, "app", SETTINGS, SOURCE)
    assert isinstance(refusal, Refusal)
    assert not refusal.asked_for
    assert named in refusal.message


def _without(mapping: Json, keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}
