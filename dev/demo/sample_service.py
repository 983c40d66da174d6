"""The sample app's manifests, made for a namespace and a registry. In the files they are an example for people."""

from pathlib import Path
from typing import Any

import yaml

from fastapi_tuning.load.profile import Profile, parse_profile

MANIFESTS = Path(__file__).resolve().parents[2] / "sample_app" / "manifests"
NAME = "checkout"
EXAMPLE_NAMESPACE, EXAMPLE_REGISTRY = "shop", "localhost"

Json = dict[str, Any]


def sample_manifest(name: str, *, namespace: str, registry: str) -> Json:
    """The manifest of that file name, in `namespace`, with images of `registry`."""
    text = (MANIFESTS / f"{name}.yaml").read_text()
    text = text.replace(f"{EXAMPLE_REGISTRY}/", f"{registry}/").replace(
        f".{EXAMPLE_NAMESPACE}.svc", f".{namespace}.svc"
    )
    manifest: Json = yaml.safe_load(text)
    manifest["metadata"]["namespace"] = namespace
    return manifest


def load_profile(job: Json) -> Profile:
    """The load that the manifest "load" offers."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    options = dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])
    return parse_profile(options["profile"])
