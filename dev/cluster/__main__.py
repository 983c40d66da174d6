"""The verbs: `python3 -m dev.cluster VERB`, from the repository's root."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.cluster import images
from dev.cluster.binaries import binaries, ensure_binaries
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout, layout_from_environment
from dev.cluster.lifecycle import status, up
from dev.cluster.packages import PACKAGES, ensure_packages
from dev.cluster.progress import say
from dev.cluster.teardown import down

INTERRUPTED = 130  # 128 + SIGINT, as shells do


def main(arguments: list[str]) -> int:
    """Run one verb; the exit code."""
    layout = layout_from_environment()
    options = _parser(layout).parse_args(arguments)
    try:
        return int(options.run(layout, options))
    except ClusterError as error:
        print(error.report(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("✗ interrupted; run it again to go on where it stopped", file=sys.stderr)
        return INTERRUPTED


def _parser(layout: Layout) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m dev.cluster",
        description="A real Kubernetes on this machine, for development and tests. Needs root, Debian 12 and Go; "
        "`build` needs Go alone.",
        epilog=f"State: {layout.state} (FASTAPI_TUNING_DEV_STATE). Cache: {layout.cache} (XDG_CACHE_HOME). "
        "More in docs/development-cluster.md.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, summary: str, run: Callable[[Layout, argparse.Namespace], int]) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=summary, description=summary)
        added.set_defaults(run=run)
        return added

    verb("up", "start the cluster, with all that this takes; repairs one that is half up", _up)
    verb("down", "remove every trace of the cluster; what was built stays in the cache", _down)
    verb("status", "tell how each component is; exit code 1 unless all are well", _status)
    verb("kubeconfig", "print the path of the kubeconfig", _kubeconfig)
    verb("path", "print the directory that holds kubectl and helm, for PATH", _path)
    packages = verb("packages", "install the Debian packages that are missing", _packages)
    packages.add_argument("names", metavar="PACKAGE", nargs="*", help=f"of {', '.join(PACKAGES)}; all by default")
    build = verb("build", "build the programs that the cache lacks", _build)
    build.add_argument("names", metavar="PROGRAM", nargs="*", help=f"of {', '.join(binaries(layout))}; all by default")
    build_images = verb("images", "build images and import them, each only if its inputs have changed", _images)
    build_images.add_argument("names", metavar="IMAGE", nargs="+", help=f"of {', '.join(images.image_names(layout))}")
    load = verb("load", "import OCI archives into the cluster", _load)
    load.add_argument("archives", metavar="IMAGE_TAR", nargs="+", type=Path)
    return parser


def _up(layout: Layout, _: argparse.Namespace) -> int:
    _need_root("it makes network interfaces, mounts and control groups")
    with _alone(layout):
        up(layout)
    return 0


def _down(layout: Layout, _: argparse.Namespace) -> int:
    _need_root("it removes network interfaces, mounts and control groups")
    with _alone(layout):
        down(layout)
    return 0


def _status(layout: Layout, _: argparse.Namespace) -> int:
    return 0 if status(layout) else 1


def _kubeconfig(layout: Layout, _: argparse.Namespace) -> int:
    print(layout.kubeconfig)
    return 0


def _path(layout: Layout, _: argparse.Namespace) -> int:
    print(layout.bin)
    return 0


def _packages(layout: Layout, options: argparse.Namespace) -> int:
    with _alone(layout):
        ensure_packages(layout, options.names or PACKAGES)
    return 0


def _build(layout: Layout, options: argparse.Namespace) -> int:
    with _alone(layout):
        ensure_binaries(layout, options.names or list(binaries(layout)))
    return 0


def _images(layout: Layout, options: argparse.Namespace) -> int:
    _need_root("buildah and containerd run as root here")
    with _alone(layout):
        for name in options.names:
            images.ensure_image(layout, name)
    return 0


def _load(layout: Layout, options: argparse.Namespace) -> int:
    _need_root("containerd runs as root here")
    with _alone(layout):
        images.load(layout, options.archives)
    return 0


def _need_root(reason: str) -> None:
    if os.geteuid() != 0:
        raise ClusterError(f"this needs root: {reason}")


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the lock of all runs that change something. Raises ClusterError when the cache cannot be written."""
    try:
        layout.cache.mkdir(parents=True, exist_ok=True)
        lock = layout.lock.open("w")
    except OSError as cause:
        raise ClusterError(f"the cache cannot be written ({cause}); XDG_CACHE_HOME names another place") from cause
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  … waiting for another run to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
