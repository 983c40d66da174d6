"""The file that the settings come in: written by the kubelet from an annotation of the pod."""

from __future__ import annotations

import os

MAX_BYTES = 65536


class SettingsFile:
    """Looks at the path each time: the kubelet swaps a link to a new directory, it never rewrites the file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None

    def changed_text(self) -> str | None:
        """The text, if it is new; None while it is as before, and while there is no file.

        Raises OSError for a file that cannot be read, and ValueError for one that is no text or too long.
        """
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        version = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        if version == self._seen:
            return None
        self._seen = version  # before it is read: a file that cannot be is reported once
        if status.st_size > MAX_BYTES:
            raise ValueError(f"longer than {MAX_BYTES} bytes")
        with open(self._path, encoding="utf-8") as file:
            return file.read(MAX_BYTES)
