"""How the components are called: on our own paths, on our own addresses, and anew when that changes."""

import ipaddress
import re

from dev.cluster.binaries import binaries
from dev.cluster.certificates import kubeadm_documents
from dev.cluster.components import components
from dev.cluster.configs import KUBELET, kubelet_config, write_configs
from dev.cluster.layout import Layout


def test_every_listening_address_is_loopback_or_the_node(layout: Layout) -> None:
    own = [ipaddress.ip_network(f"{layout.node_address}/32"), ipaddress.ip_network("127.0.0.0/8")]
    ranges = {layout.service_range, layout.pod_range}
    for component in components(layout):
        for argument in component.argv:
            for found in re.findall(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?", argument):
                assert found in ranges or any(ipaddress.ip_address(found) in network for network in own), argument


def test_every_program_of_ours_that_is_started_is_one_that_is_built(layout: Layout) -> None:
    links = {link for binary in binaries(layout).values() for link in binary.links}
    started = {component.argv[0] for component in components(layout)}
    ours = {program.removeprefix(f"{layout.bin}/") for program in started if program.startswith(str(layout.bin))}
    assert ours <= links
    assert started - {layout.program(name) for name in ours} == {"/usr/bin/etcd", "/usr/bin/containerd"}


def test_a_changed_config_makes_a_component_start_anew(layout: Layout) -> None:
    write_configs(layout)
    kubelet = next(component for component in components(layout) if component.name == "kubelet")
    before = kubelet.fingerprint()
    assert kubelet.fingerprint() == before
    (layout.configs / KUBELET).write_text("{}")
    assert kubelet.fingerprint() != before


def test_an_unchanged_config_is_not_touched(layout: Layout) -> None:
    write_configs(layout)
    written = (layout.configs / KUBELET).stat().st_mtime_ns
    write_configs(layout)
    assert (layout.configs / KUBELET).stat().st_mtime_ns == written


def test_the_kubelet_never_deletes_images(layout: Layout) -> None:
    assert kubelet_config(layout)["imageGCHighThresholdPercent"] == 100


def test_the_name_server_has_an_address_in_the_service_range(layout: Layout) -> None:
    assert ipaddress.ip_address(layout.dns_service_address) in ipaddress.ip_network(layout.service_range)


def test_the_three_ranges_do_not_overlap(layout: Layout) -> None:
    pods, services = ipaddress.ip_network(layout.pod_range), ipaddress.ip_network(layout.service_range)
    assert not pods.overlaps(services)
    assert ipaddress.ip_address(layout.node_address) not in pods
    assert ipaddress.ip_address(layout.node_address) not in services


def test_kubeadm_is_told_the_version_so_that_it_asks_nobody(layout: Layout) -> None:
    cluster = kubeadm_documents(layout, layout.pki)[1]
    assert cluster["kubernetesVersion"] == layout.kubernetes_version
