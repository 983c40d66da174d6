"""The long-lived processes of the cluster: how each is called and how one sees that it is well."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dev.cluster import configs
from dev.cluster.layout import Layout
from dev.cluster.probes import http_answers, socket_accepts


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One process. `ready` says whether it does its work, not only whether it lives; `config` is the file it reads."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    config: Path | None = None
    grace_seconds: float = 5.0

    def fingerprint(self) -> str:
        """Changes when the component would have to be started anew to behave as this code wants."""
        # Behind the link that is called lies a file with the version in its name.
        program = Path(self.argv[0]).resolve()
        config = self.config.read_bytes() if self.config else b""
        return hashlib.sha256("\0".join([str(program), *self.argv]).encode() + config).hexdigest()


def stages(layout: Layout) -> tuple[tuple[Component, ...], ...]:
    """The components in starting order: each stage needs the ones before it; within a stage all start at once."""
    return (
        (etcd(layout), containerd(layout)),
        (api_server(layout),),
        (controller_manager(layout), scheduler(layout), kube_proxy(layout), coredns(layout), kubelet(layout)),
    )


def components(layout: Layout) -> tuple[Component, ...]:
    """All components in starting order."""
    return tuple(component for stage in stages(layout) for component in stage)


def etcd(layout: Layout) -> Component:
    peer_url = f"http://127.0.0.1:{layout.etcd_peer_port}"
    return Component(
        name="etcd",
        argv=(
            "/usr/bin/etcd",
            f"--name={layout.name}",
            f"--data-dir={layout.etcd_data}",
            f"--listen-client-urls={layout.etcd_url}",
            f"--advertise-client-urls={layout.etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster={layout.name}={peer_url}",
            # A development cluster may lose its last second in a power cut; it may not wait for a slow disk.
            "--unsafe-no-fsync",
            "--logger=zap",
            "--log-level=warn",
        ),
        ready=partial(http_answers, f"{layout.etcd_url}/health"),
    )


def containerd(layout: Layout) -> Component:
    config = layout.configs / configs.CONTAINERD
    return Component(
        name="containerd",
        argv=("/usr/bin/containerd", f"--config={config}"),
        config=config,
        ready=partial(socket_accepts, layout.containerd_socket),
    )


def api_server(layout: Layout) -> Component:
    pki, audit_policy = layout.pki, layout.configs / configs.AUDIT_POLICY
    return Component(
        name="kube-apiserver",
        config=audit_policy,
        argv=(
            layout.program("kube-apiserver"),
            f"--advertise-address={layout.node_address}",
            f"--bind-address={layout.node_address}",
            f"--secure-port={layout.api_port}",
            f"--etcd-servers={layout.etcd_url}",
            f"--service-cluster-ip-range={layout.service_range}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            # By default it would call the kubelet by the node's name, which no name server here knows.
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
            f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--service-account-issuer=https://kubernetes.default.svc.{layout.cluster_domain}",
            f"--service-account-key-file={pki / 'sa.pub'}",
            f"--service-account-signing-key-file={pki / 'sa.key'}",
            f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
            f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
            f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--audit-policy-file={audit_policy}",
            f"--audit-log-path={layout.audit_log}",
            "--audit-log-maxsize=50",
            "--audit-log-maxbackup=1",
        ),
        ready=partial(http_answers, f"{layout.api_url}/readyz", authority=pki / "ca.crt"),
        # On SIGTERM it waits for its open watches; there is no need to.
        grace_seconds=2.0,
    )


def controller_manager(layout: Layout) -> Component:
    pki = layout.pki
    return Component(
        name="kube-controller-manager",
        argv=(
            layout.program("kube-controller-manager"),
            f"--kubeconfig={pki / 'controller-manager.conf'}",
            f"--authentication-kubeconfig={pki / 'controller-manager.conf'}",
            f"--authorization-kubeconfig={pki / 'controller-manager.conf'}",
            "--bind-address=127.0.0.1",
            f"--secure-port={layout.controller_manager_port}",
            f"--cluster-signing-cert-file={pki / 'ca.crt'}",
            f"--cluster-signing-key-file={pki / 'ca.key'}",
            f"--root-ca-file={pki / 'ca.crt'}",
            f"--service-account-private-key-file={pki / 'sa.key'}",
            # Or it makes a directory of its own under /usr.
            f"--flex-volume-plugin-dir={layout.kubelet_root / 'volume-plugins'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
        ),
        ready=partial(http_answers, f"https://127.0.0.1:{layout.controller_manager_port}/healthz"),
    )


def scheduler(layout: Layout) -> Component:
    kubeconfig = layout.pki / "scheduler.conf"
    return Component(
        name="kube-scheduler",
        argv=(
            layout.program("kube-scheduler"),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={layout.scheduler_port}",
            "--leader-elect=false",
        ),
        ready=partial(http_answers, f"https://127.0.0.1:{layout.scheduler_port}/healthz"),
    )


def kubelet(layout: Layout) -> Component:
    config = layout.configs / configs.KUBELET
    return Component(
        name="kubelet",
        argv=(
            layout.program("kubelet"),
            f"--config={config}",
            f"--kubeconfig={layout.pki / 'kubelet.conf'}",
            f"--root-dir={layout.kubelet_root}",
            f"--cert-dir={layout.kubelet_root / 'pki'}",
            f"--hostname-override={layout.name}",
            f"--node-ip={layout.node_address}",
        ),
        config=config,
        ready=partial(http_answers, f"http://127.0.0.1:{layout.kubelet_health_port}/healthz"),
    )


def kube_proxy(layout: Layout) -> Component:
    config = layout.configs / configs.KUBE_PROXY
    return Component(
        name="kube-proxy",
        argv=(layout.program("kube-proxy"), f"--config={config}"),
        config=config,
        ready=partial(http_answers, f"http://127.0.0.1:{layout.proxy_health_port}/healthz"),
    )


def coredns(layout: Layout) -> Component:
    config = layout.configs / configs.COREFILE
    return Component(
        name="coredns",
        argv=(layout.program("coredns"), f"-conf={config}"),
        config=config,
        ready=partial(http_answers, f"http://127.0.0.1:{layout.dns_ready_port}/ready"),
    )
