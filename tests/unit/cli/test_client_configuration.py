"""Which cluster the operator talks to; warnings are errors, so none is printed at its start."""

from pathlib import Path

import pytest

from fastapi_tuning.cli.cluster import configure_client
from fastapi_tuning.errors import CannotStart


async def test_in_a_pod_the_service_account_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    with pytest.raises(CannotStart, match="no cluster to talk to: Service"):
        await configure_client()


async def test_elsewhere_a_kubeconfig_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    with pytest.raises(CannotStart, match="no cluster to talk to"):
        await configure_client()
