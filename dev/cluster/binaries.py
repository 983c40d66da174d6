"""Building the programs that no Debian package and no image registry gives us, once, into the cache."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.commands import run_logged
from dev.cluster.digest import digest_of
from dev.cluster.errors import ClusterError
from dev.cluster.layout import REPOSITORY, Layout
from dev.cluster.progress import step

SOURCES = REPOSITORY / "dev" / "cluster"
PAUSE_SOURCE = REPOSITORY / "dev" / "images" / "pause.c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A program to build. `links` are the names it is called by; `file_name` changes whenever its sources do."""

    name: str
    file_name: str
    argv: tuple[str, ...]
    directory: Path
    links: tuple[str, ...]
    expectation: str


def binaries(layout: Layout) -> dict[str, Binary]:
    """All programs by name, in the order to build them: what `up` needs first."""
    return {
        binary.name: binary
        for binary in (_kube(layout), _coredns(layout), _pause(), _helm(layout), _prometheus(layout))
    }


def ensure_binaries(layout: Layout, names: Sequence[str]) -> None:
    """Build those of `names` that the cache lacks, and link them. Raises ClusterError when a build fails."""
    known = binaries(layout)
    for name in names:
        if name not in known:
            raise ClusterError(f"no program is called {name!r}; there are {', '.join(known)}")
        _ensure(known[name], layout)


def path_of(layout: Layout, name: str) -> Path:
    """Where the built program is, or will be."""
    return layout.binaries / binaries(layout)[name].file_name


def _ensure(binary: Binary, layout: Layout) -> None:
    built = layout.binaries / binary.file_name
    if not built.exists():
        layout.binaries.mkdir(parents=True, exist_ok=True)
        with step(f"building {binary.file_name}", expectation=binary.expectation):
            # Under another name until complete, so that a build that was cut short is never taken for a program.
            unfinished = built.with_name(f"{built.name}.part")
            run_logged(
                [part.replace("{output}", str(unfinished)) for part in binary.argv],
                log=layout.build_logs / f"build-{binary.name}.log",
                environment=_GO_ENVIRONMENT | {"GOBIN": str(unfinished.with_suffix(".gobin"))},
                directory=binary.directory,
            )
            _adopt(unfinished, built, binary)
    for link in binary.links:
        _link(layout.bin / link, built)


# GOTOOLCHAIN: use the Go that is installed, never download another one. GOFLAGS: a developer's own flags may not suit.
_GO_ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-trimpath -buildvcs=false"}


def _adopt(unfinished: Path, built: Path, binary: Binary) -> None:
    """Give a finished build its name. `go install` takes no output name, only a directory (GOBIN)."""
    directory = unfinished.with_suffix(".gobin")
    if directory.is_dir():
        (directory / binary.name).rename(unfinished)
        directory.rmdir()
    unfinished.rename(built)


def _link(link: Path, target: Path) -> None:
    relative = os.path.relpath(target, link.parent)
    if link.is_symlink() and os.readlink(link) == relative:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(relative)


def _kube(layout: Layout) -> Binary:
    version = layout.kubernetes_version
    major, minor, _patch = version.removeprefix("v").split(".")
    # Without these the programs call themselves v0.0.0 and clients that compare versions misbehave.
    stamp = "k8s.io/component-base/version"
    flags = f"-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
    return Binary(
        name="kube",
        file_name=f"kube-{version}-{digest_of([SOURCES / 'kube'], root=SOURCES)}",
        argv=("go", "build", "-tags", "providerless", "-ldflags", flags, "-o", "{output}", "."),
        directory=SOURCES / "kube",
        links=(
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "kubelet",
            "kubeadm",
            "kubectl",
        ),
        expectation="about 4 to 7 min the first time",
    )


def _coredns(layout: Layout) -> Binary:
    return Binary(
        name="coredns",
        file_name=f"coredns-{layout.coredns_version}-{digest_of([SOURCES / 'coredns'], root=SOURCES)}",
        argv=("go", "build", "-ldflags", "-s -w", "-o", "{output}", "."),
        directory=SOURCES / "coredns",
        links=("coredns",),
        expectation="about 1 min the first time",
    )


def _helm(layout: Layout) -> Binary:
    major, minor, _patch = layout.kubernetes_version.removeprefix("v").split(".")
    # Without a cluster to ask, helm takes this version for the cluster's; unstamped, it believes in one from 2020.
    packages = ("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules")
    stamps = [f"-X {package}.k8sVersionMajor={major} -X {package}.k8sVersionMinor={minor}" for package in packages]
    return Binary(
        name="helm",
        file_name=f"helm-{layout.helm_version}-for-v{major}.{minor}",
        argv=(
            *("go", "install", "-ldflags", " ".join(["-s -w", *stamps])),
            f"helm.sh/helm/v3/cmd/helm@{layout.helm_version}",
        ),
        directory=SOURCES,
        links=("helm",),
        expectation="about 1 to 2 min the first time",
    )


def _prometheus(layout: Layout) -> Binary:
    module = "github.com/prometheus/prometheus/cmd/prometheus"
    # Service discovery for clouds is most of Prometheus' dependencies; the cluster needs Kubernetes' alone.
    return Binary(
        name="prometheus",
        file_name=f"prometheus-{layout.prometheus_version}",
        argv=(
            *("go", "install", "-tags", "remove_all_sd,enable_kubernetes_sd", "-ldflags", "-s -w"),
            f"{module}@{layout.prometheus_version}",
        ),
        directory=SOURCES,
        links=(),
        expectation="about 2 to 3 min the first time",
    )


def _pause() -> Binary:
    return Binary(
        name="pause",
        file_name=f"pause-{digest_of([PAUSE_SOURCE], root=REPOSITORY)}",
        argv=("gcc", "-Os", "-static", "-s", "-o", "{output}", str(PAUSE_SOURCE)),
        directory=SOURCES,
        links=(),
        expectation="",
    )
