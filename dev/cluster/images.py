"""Container images without a registry: built by buildah, kept as archives in the cache, imported into containerd.

An image is known by the digest of all that went into it: its Dockerfile, the sources that this copies, its arguments
and its base. As long as the digest stays, nothing is built or imported again.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.cluster.binaries import ensure_binaries, path_of
from dev.cluster.commands import output_of, run_logged
from dev.cluster.digest import digest_of
from dev.cluster.errors import ClusterError
from dev.cluster.layout import REPOSITORY, Layout
from dev.cluster.probes import socket_accepts
from dev.cluster.progress import step

RECIPES = REPOSITORY / "dev" / "images"
BASE = "base"
BASE_RECIPE = RECIPES / "base.sh"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An ordinary Dockerfile with its context. `binary` names the built program that the context holds, if any."""

    name: str
    reference: str
    dockerfile: Path
    context: Path
    arguments: dict[str, str] = field(default_factory=dict)
    binary: str | None = None
    on_base: bool = False


BASE_REFERENCE = "localhost/python-base:dev"


def images(layout: Layout) -> dict[str, Image]:
    """All images by the name that the `images` verb takes, except the base, which has no Dockerfile."""
    found = [_of_binary(layout, "pause"), _of_binary(layout, "prometheus")]
    found += [
        _on_base("operator", "localhost/fastapi-tuning-operator:dev", REPOSITORY / "operator" / "Dockerfile"),
        _on_base("sample", "localhost/fastapi-tuning-sample:dev", REPOSITORY / "sample_app" / "Dockerfile"),
        _on_base("postgres", "localhost/postgres:dev", RECIPES / "postgres.Dockerfile"),
    ]
    return {image.name: image for image in found}


def image_names(layout: Layout) -> tuple[str, ...]:
    return (BASE, *images(layout))


def ensure_image(layout: Layout, name: str) -> None:
    """Build and import the image called `name`, each only if what went into it has changed since."""
    if name == BASE:
        reference, digest = BASE_REFERENCE, _base_digest()
        archive = _ensure_base_archive(layout)
    else:
        image = _image(layout, name)
        if image.binary is not None:
            ensure_binaries(layout, [image.binary])
        reference, digest = image.reference, _digest(image)
        archive = _ensure_archive(layout, image, digest)
    _ensure_imported(layout, name, reference, archive, digest)


def load(layout: Layout, archives: Sequence[Path]) -> None:
    """Import OCI archives that somebody else made."""
    for archive in archives:
        with step(f"importing {archive.name}"):
            _import(layout, archive)


def copied_sources(dockerfile: str) -> list[str]:
    """The paths in the build context that a Dockerfile's COPY lines name; copies between its stages are left out.

    Raises ClusterError for a COPY of the whole context: its digest would change with every unrelated file.
    """
    sources: list[str] = []
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if line.upper().startswith("COPY ") and "--from=" not in line:
            sources += [word for word in shlex.split(line)[1:-1] if not word.startswith("--")]
    if any(Path(source) in (Path("."), Path("/")) for source in sources):
        raise ClusterError("a Dockerfile copies its whole context; name the folders that it needs")
    return sources


def _of_binary(layout: Layout, name: str) -> Image:
    return Image(
        name=name,
        reference=f"localhost/{name}:dev",
        dockerfile=RECIPES / f"{name}.Dockerfile",
        context=layout.binaries,
        arguments={"BINARY": path_of(layout, name).name},
        binary=name,
    )


def _on_base(name: str, reference: str, dockerfile: Path) -> Image:
    return Image(
        name=name,
        reference=reference,
        dockerfile=dockerfile,
        context=REPOSITORY,
        arguments={"BASE_IMAGE": BASE_REFERENCE},
        on_base=True,
    )


def _image(layout: Layout, name: str) -> Image:
    try:
        return images(layout)[name]
    except KeyError:
        raise ClusterError(f"no image is called {name!r}; there are {', '.join(image_names(layout))}") from None


def _digest(image: Image) -> str:
    if not image.dockerfile.exists():
        raise ClusterError(f"image {image.name}: there is no {image.dockerfile.relative_to(REPOSITORY)}")
    salt = repr(sorted(image.arguments.items())) + (_base_digest() if image.on_base else "")
    if image.binary is not None:
        # The program's file name, an argument, already holds the digest or version of what it was built from.
        return digest_of([image.dockerfile], root=REPOSITORY, salt=salt)
    sources = [image.context / source for source in copied_sources(image.dockerfile.read_text())]
    missing = [source for source in sources if not source.exists()]
    if missing:
        raise ClusterError(f"image {image.name}: its Dockerfile copies {missing[0]}, which does not exist")
    return digest_of([image.dockerfile, *sources], root=image.context, salt=salt)


def _base_digest() -> str:
    return digest_of([BASE_RECIPE], root=REPOSITORY)


def _ensure_archive(layout: Layout, image: Image, digest: str) -> Path:
    archive = layout.image_archives / f"{image.name}-{digest}.tar"
    if archive.exists():
        return archive
    if image.on_base:
        _ensure_base_archive(layout)
    with step(f"building image {image.name}"):
        arguments = [part for key, value in image.arguments.items() for part in ("--build-arg", f"{key}={value}")]
        log = layout.build_logs / f"image-{image.name}.log"
        _buildah(
            layout,
            *("bud", "--network", "host", "--pull-never", "--layers=false", "--tag", image.reference),
            *("--volume", f"{_machine_certificates()}:{CERTIFICATES}:ro"),
            *("--file", str(image.dockerfile), *arguments, str(image.context)),
            log=log,
        )
        _push(layout, image.reference, archive, log)
        # The archive is all that is needed, and the vfs driver stores every image whole.
        _buildah(layout, "rmi", "--force", image.reference, log=layout.build_logs / "image-remove.log")
    _drop_older_archives(archive, image.name)
    return archive


def _ensure_base_archive(layout: Layout) -> Path:
    """The base image both as an archive (for pods) and in buildah's storage (for the images that build on it)."""
    archive = layout.image_archives / f"{BASE}-{_base_digest()}.tar"
    if archive.exists():
        return archive
    log = layout.build_logs / f"image-{BASE}.log"
    root_archive = layout.image_archives / f"{BASE}-root.tar.part"
    layout.image_archives.mkdir(parents=True, exist_ok=True)
    with step("building image base", expectation="about 2 min the first time"):
        run_logged(["sh", "-eu", BASE_RECIPE, root_archive], log=log)
        container = _buildah_output(layout, "from", "scratch").strip()
        _buildah(layout, "add", "--quiet", container, str(root_archive), "/", log=log)
        _buildah(layout, "config", "--cmd", "/bin/bash", "--env", f"PATH={_IMAGE_PATH}", container, log=log)
        _buildah(layout, "commit", "--quiet", "--rm", container, BASE_REFERENCE, log=log)
        root_archive.unlink()
        _push(layout, BASE_REFERENCE, archive, log)
    _drop_older_archives(archive, BASE)
    return archive


_IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _push(layout: Layout, reference: str, archive: Path, log: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    _buildah(layout, "push", "--quiet", reference, f"oci-archive:{unfinished}:{reference}", log=log)
    unfinished.rename(archive)


def _drop_older_archives(archive: Path, name: str) -> None:
    for other in archive.parent.glob(f"{name}-*.tar"):
        if other != archive:
            other.unlink()


def _ensure_imported(layout: Layout, name: str, reference: str, archive: Path, digest: str) -> None:
    if not socket_accepts(layout.containerd_socket):
        raise ClusterError("the cluster is not up, so no image can be imported: run `up` first")
    record = layout.imported_images / name
    known = output_of([*_ctr(layout), "images", "list", "--quiet", f"name=={reference}"]).split()
    if known and record.exists() and record.read_text() == digest:
        return
    with step(f"importing image {reference}"):
        _import(layout, archive)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(digest)


def _import(layout: Layout, archive: Path) -> None:
    if not archive.is_file():
        raise ClusterError(f"there is no image archive {archive}")
    output_of([*_ctr(layout), "images", "import", archive])


def _ctr(layout: Layout) -> list[str]:
    # The kubelet sees only what is in this namespace.
    return ["ctr", f"--address={layout.containerd_socket}", "--namespace=k8s.io"]


def _machine_certificates() -> str:
    """The machine's own authorities, for package clients during a build behind an intercepting proxy."""
    return os.environ.get("SSL_CERT_FILE", CERTIFICATES)


def _buildah(layout: Layout, *arguments: str, log: Path) -> None:
    run_logged([*_buildah_program(layout), *arguments], log=log, environment=_BUILDAH_ENVIRONMENT)


def _buildah_output(layout: Layout, *arguments: str) -> str:
    return output_of(
        [*("env", *(f"{k}={v}" for k, v in _BUILDAH_ENVIRONMENT.items())), *_buildah_program(layout), *arguments]
    )


def _buildah_program(layout: Layout) -> list[str]:
    return ["buildah", f"--root={layout.buildah_storage / 'root'}", f"--runroot={layout.buildah_storage / 'run'}"]


# chroot and vfs need nothing of the kernel that a plain virtual machine might not give.
_BUILDAH_ENVIRONMENT = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
