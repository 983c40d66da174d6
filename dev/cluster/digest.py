"""One short digest for a set of files: the cache's answer to "did anything that went into this change?"."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

DIGEST_LENGTH = 12
NOT_SOURCES = frozenset({"__pycache__", ".git", ".venv", "node_modules"})


def digest_of(paths: Iterable[Path], *, root: Path, salt: str = "") -> str:
    """Digest of names (relative to `root`), executable bits and contents of all files in `paths`, and of `salt`.

    Directories are walked; caches and version control in them are left out. The order of `paths` does not matter.
    """
    total = hashlib.sha256(salt.encode())
    for file in sorted({file for path in paths for file in _files(path)}):
        executable = file.stat().st_mode & 0o100
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(root)}\0{executable}\0{content}\n".encode())
    return total.hexdigest()[:DIGEST_LENGTH]


def _files(path: Path) -> Iterator[Path]:
    if path.name in NOT_SOURCES:
        return
    if path.is_dir():
        for child in path.iterdir():
            yield from _files(child)
    else:
        yield path
