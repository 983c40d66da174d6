"""The files that the components read.

JSON wherever YAML is expected: it is a subset, and the standard library can write it.
"""

from __future__ import annotations

import json

from dev.cluster.layout import Layout

CONTAINERD = "containerd.toml"
KUBELET = "kubelet.yaml"
KUBE_PROXY = "kube-proxy.yaml"
COREFILE = "Corefile"
AUDIT_POLICY = "audit-policy.json"
CLUSTER_OBJECTS = "cluster-objects.json"
CNI_DIRECTORY = "cni"
REGISTRY_DIRECTORY = "registry"

PAUSE_IMAGE = "localhost/pause:dev"


def write_configs(layout: Layout) -> None:
    """Write those that are missing or differ; they depend on `layout` alone."""
    for name, content in {
        CONTAINERD: containerd_config(layout),
        KUBELET: _json(kubelet_config(layout)),
        KUBE_PROXY: _json(kube_proxy_config(layout)),
        COREFILE: corefile(layout),
        CLUSTER_OBJECTS: _json(cluster_objects(layout)),
        AUDIT_POLICY: _json(AUDITED),
        f"{CNI_DIRECTORY}/10-pods.conflist": _json(cni_config(layout)),
        f"{REGISTRY_DIRECTORY}/_default/hosts.toml": UNREACHABLE_REGISTRY,
    }.items():
        path = layout.configs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Only when it differs: kube-proxy watches its file and ends itself at the slightest touch.
        if not path.exists() or path.read_text() != content:
            path.write_text(content)


AUDITED: dict[str, object] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Request",
            "verbs": ["update", "patch"],
            "resources": [
                {"group": "apps", "resources": ["deployments", "deployments/scale"]},
                {"group": "", "resources": ["pods"]},
            ],
        },
        {"level": "None"},
    ],
}
"""What an autotuner writes, with its bodies, and nothing else: that it did nothing twice is read from here."""


# An image that was not imported must fail with a clear error, not be asked for on the internet.
UNREACHABLE_REGISTRY = 'server = "https://127.0.0.1:9"\n'


def containerd_config(layout: Layout) -> str:
    """For containerd 1.6. All paths are ours, so that another containerd on the machine is not disturbed."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{layout.containerd_root}"
state = "{layout.containerd_state}"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "{layout.containerd_socket}"

[{cri}]
sandbox_image = "{PAUSE_IMAGE}"
# Lowering the score of a process needs CAP_SYS_RESOURCE, which a virtual machine's root may lack.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[{cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{layout.configs / CNI_DIRECTORY}"

[{cri}.registry]
config_path = "{layout.configs / REGISTRY_DIRECTORY}"

[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
BinaryName = "/usr/sbin/runc"
Root = "{layout.volatile / "runc"}"
SystemdCgroup = false
"""


def cni_config(layout: Layout) -> dict[str, object]:
    """Pods on one bridge. No masquerading: the isolation rules let no pod reach beyond the machine anyway."""
    return {
        "cniVersion": "0.4.0",
        "name": layout.name,
        "plugins": [
            {
                "type": "bridge",
                "bridge": layout.pod_bridge,
                "isGateway": True,
                # A pod that calls its own service gets its own packet back from the bridge.
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(layout.volatile / "addresses"),
                    "ranges": [[{"subnet": layout.pod_range}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def kubelet_config(layout: Layout) -> dict[str, object]:
    """A kubelet for a machine that it shares with its developer: it evicts nothing and deletes no image."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.node_address,
        "healthzPort": layout.kubelet_health_port,
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [layout.dns_service_address],
        "clusterDomain": layout.cluster_domain,
        # Pods ask the cluster's DNS or nobody; the machine's own search domains and servers are not passed on.
        "resolvConf": "",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "podLogsDir": str(layout.logs / "pods"),
        "volumePluginDir": str(layout.kubelet_root / "volume-plugins"),
        # No registry could give a deleted image back.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        "maxPods": 200,
    }


def kube_proxy_config(layout: Layout) -> dict[str, object]:
    """iptables mode, with connection tracking left as the machine has it."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": layout.name,
        "clusterCIDR": layout.pod_range,
        "clientConnection": {"kubeconfig": str(layout.pki / "kube-proxy.conf")},
        "healthzBindAddress": f"127.0.0.1:{layout.proxy_health_port}",
        "oomScoreAdj": 0,
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        # Node ports answer on the node's own address, not on the machine's address in its real network.
        "nodePortAddresses": ["primary"],
        # Node ports on loopback would need net.ipv4.conf.all.route_localnet, which weakens the whole machine.
        # Few services: rules may follow a change at once, where a large cluster would gather changes for a second.
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "100ms"},
    }


def corefile(layout: Layout) -> str:
    """Answers for the cluster's own names and addresses, and refuses all others: there is no forwarding.

    No cache either: a service that a test deletes and makes again must not keep its old address for seconds.
    """
    return f"""\
.:{layout.dns_port} {{
    bind {layout.node_address}
    errors
    ready 127.0.0.1:{layout.dns_ready_port}
    kubernetes {layout.cluster_domain} in-addr.arpa {{
        kubeconfig {layout.pki / "admin.conf"}
        ttl 0
    }}
}}
"""


def cluster_objects(layout: Layout) -> dict[str, object]:
    """What the cluster needs in its own API: the administrators' role, and a service in front of CoreDNS.

    CoreDNS runs on the node, so the service has no selector and its one endpoint is written by hand.
    """
    dns = {"name": "kube-dns", "namespace": "kube-system"}
    protocols = ("UDP", "TCP")
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "kubeadm:cluster-admins"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "kubeadm:cluster-admins"}
                ],
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": dns,
                "spec": {
                    "clusterIP": layout.dns_service_address,
                    "ports": [
                        {
                            "name": f"dns-{protocol.lower()}",
                            "protocol": protocol,
                            "port": 53,
                            "targetPort": layout.dns_port,
                        }
                        for protocol in protocols
                    ],
                },
            },
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": dns | {"labels": {"kubernetes.io/service-name": "kube-dns"}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [layout.node_address], "conditions": {"ready": True}}],
                "ports": [
                    {"name": f"dns-{protocol.lower()}", "protocol": protocol, "port": layout.dns_port}
                    for protocol in protocols
                ],
            },
        ],
    }


def _json(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2) + "\n"
