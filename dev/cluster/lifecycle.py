"""Bringing the cluster up, whatever state an earlier run or a reboot left it in, and telling how it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from dev.cluster import images, process
from dev.cluster.binaries import ensure_binaries
from dev.cluster.certificates import ensure_certificates
from dev.cluster.commands import output_of, succeeds
from dev.cluster.components import Component, components, stages
from dev.cluster.configs import CLUSTER_OBJECTS, write_configs
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout
from dev.cluster.network import ensure_network
from dev.cluster.packages import PACKAGES, ensure_packages
from dev.cluster.progress import say, step

NEEDED_BINARIES = ("kube", "coredns", "pause", "helm")
READY_SECONDS = 90.0
RECOVERY_SECONDS = 10.0
POLL_SECONDS = 0.1


def up(layout: Layout) -> None:
    """Everything that is missing, in order; each part looks first and does nothing when all is well."""
    ensure_packages(layout, PACKAGES)
    ensure_binaries(layout, NEEDED_BINARIES)
    _forget_last_boot(layout)
    ensure_network(layout)
    ensure_certificates(layout)
    write_configs(layout)
    foundation, api, workers = stages(layout)
    _ensure_running(foundation, layout)
    images.ensure_image(layout, "pause")
    _ensure_running(api, layout)
    _ensure_cluster_objects(layout)
    _ensure_running(workers, layout)
    _ensure_node_ready(layout)
    say(f"  ✓ cluster {layout.name} is up; kubeconfig {layout.kubeconfig}")


def status(layout: Layout) -> bool:
    """Print one line per component and one for the node; whether all is well."""
    well = True
    for component in components(layout):
        running = process.running(_pid_file(component, layout))
        ready = running is not None and component.ready()
        say(f"  {'✓' if ready else '✗'} {component.name:<24} {_described(running, ready=ready)}")
        well = well and ready
    node_ready = _node_is_ready(layout)
    say(f"  {'✓' if node_ready else '✗'} {'node':<24} {'Ready' if node_ready else 'not Ready'}")
    return well and node_ready


def stop_components(layout: Layout) -> None:
    """End all components, the last started first, so that none sees those it needs vanish."""
    for component in reversed(components(layout)):
        process.stop(_pid_file(component, layout), grace_seconds=component.grace_seconds)


def _described(running: process.ProcessIdentity | None, *, ready: bool) -> str:
    if running is None:
        return "not running"
    return f"pid {running.pid}" + ("" if ready else ", runs but is not ready")


def _forget_last_boot(layout: Layout) -> None:
    """After a reboot nothing in `layout.volatile` is true any more: processes, mounts, bridges and leases are gone."""
    boot = layout.volatile / "boot-id"
    if boot.exists() and boot.read_text() == process.current_boot_id():
        return
    shutil.rmtree(layout.volatile, ignore_errors=True)
    layout.volatile.mkdir(parents=True)
    boot.write_text(process.current_boot_id())


def _ensure_running(stage: tuple[Component, ...], layout: Layout) -> None:
    unfit = [component for component in stage if not _is_fit(component, layout)]
    if not unfit:
        return
    with step(f"starting {', '.join(component.name for component in unfit)}"):
        for component in unfit:
            process.stop(_pid_file(component, layout), grace_seconds=component.grace_seconds)
            process.start(component.argv, pid_file=_pid_file(component, layout), log=_log(component, layout))
            _fingerprint_file(component, layout).write_text(component.fingerprint())
        for component in unfit:
            _await_ready(component, layout)


def _is_fit(component: Component, layout: Layout) -> bool:
    """Whether it runs as this code wants it, and well. One that only just recovers, or ends, gets time to do so."""
    recorded = _fingerprint_file(component, layout)
    if not recorded.exists() or recorded.read_text() != component.fingerprint():
        return False

    def ready_or_ended() -> bool:
        return not _runs(component, layout) or component.ready()

    return _eventually(ready_or_ended, within_seconds=RECOVERY_SECONDS) and _runs(component, layout)


def _await_ready(component: Component, layout: Layout) -> None:
    started = time.monotonic()

    def ready() -> bool:
        # It records itself an instant after it was started. An answer alone may come from another one on its port.
        if _runs(component, layout):
            return component.ready()
        if time.monotonic() - started > 1.0:
            raise ClusterError(f"{component.name} ended", log=_log(component, layout))
        return False

    if not _eventually(ready, within_seconds=READY_SECONDS):
        raise ClusterError(f"{component.name} is not ready after {READY_SECONDS:.0f}s", log=_log(component, layout))


def _runs(component: Component, layout: Layout) -> bool:
    return process.running(_pid_file(component, layout)) is not None


def _ensure_cluster_objects(layout: Layout) -> None:
    # As super-admin: until these objects exist, the administrators' group (and so CoreDNS) has no rights at all.
    kubectl = [layout.program("kubectl"), f"--kubeconfig={layout.pki / 'super-admin.conf'}"]
    if succeeds([*kubectl, "get", "--namespace=kube-system", "endpointslice/kube-dns"]):
        return
    apply = [*kubectl, "apply", f"--filename={layout.configs / CLUSTER_OBJECTS}"]
    with step("creating the cluster's own objects"):
        # The API server makes its system namespaces some moments after it has called itself ready.
        if not _eventually(lambda: succeeds(apply), within_seconds=READY_SECONDS):
            output_of(apply)


def _ensure_node_ready(layout: Layout) -> None:
    if _node_is_ready(layout):
        return
    with step("waiting for the node to be Ready"):
        if not _eventually(lambda: _node_is_ready(layout), within_seconds=READY_SECONDS):
            raise ClusterError("the node does not become Ready", log=layout.logs / "kubelet.log")


def _node_is_ready(layout: Layout) -> bool:
    condition = "{.status.conditions[?(@.type=='Ready')].status}"
    kubectl = [layout.program("kubectl"), f"--kubeconfig={layout.kubeconfig}"]
    try:
        return output_of([*kubectl, "get", "node", layout.name, f"--output=jsonpath={condition}"]) == "True"
    except ClusterError:
        return False


def _eventually(condition: Callable[[], bool], *, within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _pid_file(component: Component, layout: Layout) -> Path:
    return layout.pid_files / component.name


def _fingerprint_file(component: Component, layout: Layout) -> Path:
    return layout.pid_files / f"{component.name}.fingerprint"


def _log(component: Component, layout: Layout) -> Path:
    return layout.logs / f"{component.name}.log"
