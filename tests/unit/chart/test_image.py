"""The image: pinned by digest wherever it is named, and run without a shell by a user that is none."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonpatch
import pytest

from fastapi_tuning.webhooks.injection import AgentSource, Refusal, inject
from tests.unit.chart.conftest import PROMETHEUS, ROOT, Manifest, Render, helm_template, only
from tests.unit.webhooks.pods import pod

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
PINNED = ("image.repository=registry.example/team/operator", "image.tag=1.2.3", f"image.digest={DIGEST}")
PROBES = ("livenessProbe", "readinessProbe")
DOCKERFILE = (ROOT / "operator" / "Dockerfile").read_text()


def container_of(manifests: list[Manifest]) -> Manifest:
    (container,) = only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def texts(value: Any) -> Iterator[str]:
    """Every text in a manifest."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_a_digest_wins_over_the_tag_for_the_operator_and_for_the_agent(render: Render) -> None:
    container = container_of(render(*PINNED))
    pinned = f"registry.example/team/operator@{DIGEST}"
    assert container["image"] == pinned
    assert container["args"][container["args"].index("--agent-image") + 1] == pinned


def test_with_a_digest_no_tag_is_left_anywhere(render: Render) -> None:
    named = {text for text in texts(render(*PINNED)) if "registry.example/" in text}
    assert named == {f"registry.example/team/operator@{DIGEST}"}


def test_without_one_the_tag_counts_and_without_that_the_version_of_the_app(render: Render) -> None:
    assert container_of(render("image.tag=1.2.3"))["image"].endswith(":1.2.3")
    chart = (ROOT / "charts" / "fastapi-tuning-operator" / "Chart.yaml").read_text()
    version = re.search(r'^appVersion: "?([^"\s]+)', chart, re.MULTILINE)
    assert version is not None
    assert container_of(render("image.tag="))["image"].endswith(f":{version[1]}")


@pytest.mark.parametrize("digest", ["latest", "sha256:abc", f"{DIGEST}0", f"md5:{'0' * 32}"])
def test_what_is_no_digest_is_refused(digest: str) -> None:
    result = helm_template(*PROMETHEUS, "--set", f"image.digest={digest}")
    assert result.returncode != 0
    assert "digest" in result.stderr


def test_nothing_that_the_kubelet_runs_needs_a_shell(render: Render) -> None:
    container = container_of(render())
    assert "command" not in container, "the image's own entry point"
    assert "lifecycle" not in container
    assert {next(iter(container[probe].keys() & {"exec", "httpGet"})) for probe in PROBES} == {"httpGet"}


def test_the_agent_is_copied_by_a_program_of_the_pinned_image_and_not_by_a_shell(render: Render) -> None:
    container = container_of(render(*PINNED))
    image = container["args"][container["args"].index("--agent-image") + 1]
    given = pod()
    operations = inject(given, "app", "{}", AgentSource(image=image, pull_policy="IfNotPresent", metrics_port=9964))
    assert not isinstance(operations, Refusal)
    (copier,) = jsonpatch.apply_patch(given, list(operations))["spec"]["initContainers"]
    assert copier["image"].endswith(f"@{DIGEST}")
    assert copier["command"][0] == "/venv/bin/python3"


def test_the_entry_point_of_the_image_is_the_program_itself() -> None:
    entry = re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", DOCKERFILE, re.MULTILINE)
    assert [json.loads(each) for each in entry] == [["/venv/bin/fastapi-tuning"], ["--help"]]


def test_the_image_itself_says_that_it_runs_as_nobody(render: Render) -> None:
    user = only(render(), "Deployment")["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[-1] == f"{user}:{user}"
