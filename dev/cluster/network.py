"""The machine's network as the cluster needs it, and back: isolation rules, two bridges, kernel settings.

Nothing of the cluster may ever leave the machine. Until kube-proxy has written its rules, and whenever a bridge is
missing, a packet to a pod or service address would follow the default route to whoever answers there; so the isolation
rules come first at `up` and go last at `down`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from dev.cluster.commands import output_of, succeeds
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout

ISOLATION_CHAIN = "FASTAPI-TUNING-DEV"
GUARDED_CHAINS = ("OUTPUT", "FORWARD")
OUR_CHAIN_PREFIXES = (ISOLATION_CHAIN, "KUBE-")

SYSCTL_ROOT = Path("/proc/sys")
REQUIRED_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    # Pods reach each other through a bridge; a reply to a service address is translated back only if iptables sees it.
    "net/bridge/bridge-nf-call-iptables": "1",
}
# What the kubelet and kube-proxy change without being asked; saved and put back together with ours.
SYSCTLS_CHANGED_BY_COMPONENTS = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_max",
)


def ensure_network(layout: Layout) -> None:
    """Isolation, kernel settings and bridges, each made or repaired only where needed."""
    _ensure_isolation(layout)
    _ensure_sysctls(layout)
    _ensure_node_bridge(layout)


def remove_network(layout: Layout) -> None:
    """Take away all that `ensure_network`, the CNI plugins, kube-proxy and the kubelet have made."""
    for bridge in (layout.pod_bridge, layout.node_bridge):
        if _interface_exists(bridge):
            output_of(["ip", "link", "delete", bridge])
    for family in ("iptables", "ip6tables"):
        script = removal_script(output_of([f"{family}-save"]))
        if script:
            output_of([f"{family}-restore", "--noflush"], stdin=script)
    _restore_sysctls(layout)


def isolation_script(layout: Layout) -> str:
    """Input of `iptables-restore --noflush`: packets of the cluster go through our own interfaces or nowhere."""
    rules = [
        "-o lo -j RETURN",
        # kube-proxy translates service addresses before these chains: what still has one here has no service.
        *_rejecting(f"-d {layout.service_range}"),
        f"-o {layout.interface_prefix}+ -j RETURN",
        *_rejecting(f"-d {layout.pod_range}"),
        *_rejecting(f"-d {layout.node_address}/32"),
        *_rejecting(f"-s {layout.pod_range}"),
    ]
    lines = ["*filter", f":{ISOLATION_CHAIN} - [0:0]", *(f"-A {ISOLATION_CHAIN} {rule}" for rule in rules), "COMMIT"]
    return "\n".join(lines) + "\n"


def _rejecting(match: str) -> tuple[str, str]:
    # A reset makes a connection fail at once instead of after a time-out.
    return f"{match} -p tcp -j REJECT --reject-with tcp-reset", f"{match} -j REJECT"


def removal_script(saved: str) -> str:
    """Input of `iptables-restore --noflush` that removes our chains and every jump to them.

    `saved` is what `iptables-save` printed. Empty when there is nothing to remove. Chains of others stay as they are.
    """
    script: list[str] = []
    for table in re.findall(r"^\*.*?^COMMIT$", saved, flags=re.MULTILINE | re.DOTALL):
        lines = table.splitlines()
        chains = [line[1:].split()[0] for line in lines if line.startswith(":")]
        doomed = [chain for chain in chains if chain.startswith(OUR_CHAIN_PREFIXES)]
        jumps = [line for line in lines if _is_jump_from_elsewhere(line, doomed)]
        if doomed:
            script += [
                lines[0],
                *(f"-D {jump.removeprefix('-A ')}" for jump in jumps),
                *(f"-F {chain}" for chain in doomed),
                *(f"-X {chain}" for chain in doomed),
                "COMMIT",
            ]
    return "".join(f"{line}\n" for line in script)


def _is_jump_from_elsewhere(rule: str, chains: Iterable[str]) -> bool:
    found = re.match(r"-A (\S+) .*-[jg] (\S+)", rule)
    return found is not None and found[2] in chains and found[1] not in chains


def _ensure_isolation(layout: Layout) -> None:
    output_of(["iptables-restore", "--noflush"], stdin=isolation_script(layout))
    for chain in GUARDED_CHAINS:
        if not succeeds(["iptables", "--check", chain, "-j", ISOLATION_CHAIN]):
            output_of(["iptables", "--insert", chain, "1", "-j", ISOLATION_CHAIN])


def _ensure_node_bridge(layout: Layout) -> None:
    """A bridge without ports, as a carrier of the node's address; not every kernel has dummy interfaces.

    Service addresses are routed to it. kube-proxy translates them before anything is sent, but the packet filter goes
    on seeing the interface of the first route: by the default route our own rules would take them for leaving.
    """
    bridge = layout.node_bridge
    if not _interface_exists(bridge):
        output_of(["ip", "link", "add", bridge, "type", "bridge"])
    output_of(["ip", "address", "replace", f"{layout.node_address}/32", "dev", bridge])
    output_of(["ip", "link", "set", bridge, "up"])
    output_of(["ip", "route", "replace", layout.service_range, "dev", bridge, "src", layout.node_address])


def _interface_exists(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


def _ensure_sysctls(layout: Layout) -> None:
    if not (SYSCTL_ROOT / "net/bridge").exists():
        output_of(["modprobe", "br_netfilter"])
    if not layout.saved_sysctls.exists():
        names = (*REQUIRED_SYSCTLS, *SYSCTLS_CHANGED_BY_COMPONENTS)
        before = {name: (SYSCTL_ROOT / name).read_text().strip() for name in names if (SYSCTL_ROOT / name).exists()}
        layout.saved_sysctls.write_text(json.dumps(before, indent=2))
    for name, value in REQUIRED_SYSCTLS.items():
        _set_sysctl(name, value)


def _restore_sysctls(layout: Layout) -> None:
    if layout.saved_sysctls.exists():
        for name, value in json.loads(layout.saved_sysctls.read_text()).items():
            _set_sysctl(name, value)


def _set_sysctl(name: str, value: str) -> None:
    setting = SYSCTL_ROOT / name
    if setting.read_text().strip() == value:
        return
    try:
        setting.write_text(value)
    except OSError as cause:
        raise ClusterError(f"the kernel does not let us set {name} to {value}") from cause
