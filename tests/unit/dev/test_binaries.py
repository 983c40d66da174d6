"""How the programs are built."""

from dataclasses import replace

from dev.cluster.binaries import binaries
from dev.cluster.layout import Layout


def test_helm_is_built_to_believe_in_the_clusters_version(layout: Layout) -> None:
    flags = " ".join(binaries(replace(layout, kubernetes_version="v1.77.2"))["helm"].argv)
    assert "chartutil.k8sVersionMinor=77" in flags
    assert "lint/rules.k8sVersionMinor=77" in flags


def test_helm_is_built_anew_for_another_kubernetes(layout: Layout) -> None:
    other = replace(layout, kubernetes_version="v1.77.2")
    assert binaries(layout)["helm"].file_name != binaries(other)["helm"].file_name
