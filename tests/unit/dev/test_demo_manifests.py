"""What the demonstration applies: all of it in namespaces of its own."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dev.demo import prometheus
from dev.demo.ownership import LABEL, NAMESPACE, PROMETHEUS_NAMESPACE
from dev.demo.sample_service import load_profile, sample_manifest

NAMES = ("deployment", "service", "tuning", "load")


def words(value: object) -> set[str]:
    return set(re.findall(r"[a-z-]+", json.dumps(value)))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_sample_service_stays_in_the_examples_namespace(name: str) -> None:
    manifest = sample_manifest(name, namespace="elsewhere", registry="localhost")
    assert manifest["metadata"]["namespace"] == "elsewhere"
    assert "shop" not in words(manifest)


@pytest.mark.parametrize(
    ("name", "image"), [("deployment", "fastapi-tuning-sample"), ("load", "fastapi-tuning-operator")]
)
def test_images_come_from_the_registry(name: str, image: str) -> None:
    manifest = sample_manifest(name, namespace="elsewhere", registry="registry.example/team")
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example/team/{image}:dev"


def test_the_load_goes_to_the_service_in_its_new_namespace() -> None:
    job = sample_manifest("load", namespace="elsewhere", registry="localhost")
    assert "--url=http://checkout.elsewhere.svc" in job["spec"]["template"]["spec"]["containers"][0]["args"]


def test_the_profile_is_the_one_that_the_load_generator_is_given() -> None:
    job = sample_manifest("load", namespace="elsewhere", registry="localhost")
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--profile={','.join(str(phase) for phase in load_profile(job).phases)}" in arguments


def prometheus_manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(Path(prometheus.MANIFEST).read_text()))


def test_prometheus_is_in_its_namespace_and_what_is_in_none_carries_our_label() -> None:
    for manifest in prometheus_manifests():
        kubernetes_validate.validate(manifest, "1.34", strict=True)
        metadata = manifest["metadata"]
        assert metadata.get("namespace") == PROMETHEUS_NAMESPACE or LABEL in metadata["labels"]


def test_prometheus_leaves_pods_of_others_alone() -> None:
    (config,) = (each for each in prometheus_manifests() if each["kind"] == "ConfigMap")
    jobs = yaml.safe_load(config["data"]["prometheus.yml"])["scrape_configs"]
    assert jobs
    for job in jobs:
        (kept,) = (
            rule["regex"]
            for rule in job["relabel_configs"]
            if rule["source_labels"] == ["__meta_kubernetes_namespace"] and rule.get("action") == "keep"
        )
        assert re.fullmatch(kept, NAMESPACE)
        assert re.fullmatch(kept, "fastapi-tuning-e2e-0123abcd")
        assert not re.fullmatch(kept, "shop")
