"""Certificates, keys and kubeconfigs of the cluster, made by kubeadm in one go."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from dev.cluster.commands import output_of
from dev.cluster.layout import Layout
from dev.cluster.progress import step

TEN_YEARS = "87600h"  # a development cluster should not expire under anyone's hands


def ensure_certificates(layout: Layout) -> None:
    """Make `layout.pki` (certificates and kubeconfigs) and `layout.kubeconfig`, unless they are there."""
    if not layout.pki.exists():
        with step("making certificates"):
            # Elsewhere first, then one rename: a run that died half-way leaves nothing that looks complete.
            unfinished = layout.state / "pki.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            _make(layout, unfinished)
            unfinished.rename(layout.pki)
    if not layout.kubeconfig.exists():
        _write_user_kubeconfig(layout)


def kubeadm_documents(layout: Layout, directory: Path) -> list[dict[str, object]]:
    """What kubeadm is to know about the cluster, for its certificate and kubeconfig phases alone."""
    version = "kubeadm.k8s.io/v1beta4"
    return [
        {
            "apiVersion": version,
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": layout.node_address, "bindPort": layout.api_port},
            "nodeRegistration": {"name": layout.name},
        },
        {
            "apiVersion": version,
            "kind": "ClusterConfiguration",
            "clusterName": layout.name,
            # Named, or kubeadm would ask the internet for the newest.
            "kubernetesVersion": layout.kubernetes_version,
            "certificatesDir": str(directory),
            "controlPlaneEndpoint": f"{layout.node_address}:{layout.api_port}",
            "certificateValidityPeriod": TEN_YEARS,
            "caCertificateValidityPeriod": TEN_YEARS,
            "networking": {
                "podSubnet": layout.pod_range,
                "serviceSubnet": layout.service_range,
                "dnsDomain": layout.cluster_domain,
            },
            "apiServer": {"certSANs": ["127.0.0.1", "localhost", layout.node_address]},
            # External, so that no certificates are made for our etcd, which speaks plain HTTP on loopback.
            "etcd": {"external": {"endpoints": [layout.etcd_url]}},
        },
    ]


def _make(layout: Layout, directory: Path) -> None:
    kubeadm = layout.program("kubeadm")
    config = directory / "kubeadm.yaml"
    config.write_text(
        "\n---\n".join(json.dumps(document, indent=2) for document in kubeadm_documents(layout, directory))
    )
    output_of([kubeadm, "init", "phase", "certs", "all", "--config", config])
    output_of([kubeadm, "init", "phase", "kubeconfig", "all", "--config", config, "--kubeconfig-dir", directory])
    user = ["kubeconfig", "user", f"--config={config}", "--client-name", "system:kube-proxy"]
    (directory / "kube-proxy.conf").write_text(output_of([kubeadm, *user, "--validity-period", TEN_YEARS]))


def _write_user_kubeconfig(layout: Layout) -> None:
    """The administrator's kubeconfig, with a context name that a person can type and not confuse with another's."""
    unfinished = layout.state / "kubeconfig.part"
    shutil.copyfile(layout.pki / "admin.conf", unfinished)
    unfinished.chmod(0o600)
    kubectl = [layout.program("kubectl"), f"--kubeconfig={unfinished}"]
    output_of([*kubectl, "config", "rename-context", f"kubernetes-admin@{layout.name}", layout.name])
    unfinished.rename(layout.kubeconfig)
