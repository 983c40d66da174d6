"""Questions to a running component: does it answer, and well?"""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 2.0


def http_answers(url: str, *, authority: Path | None = None) -> bool:
    """Whether a GET of `url` gives a success. Without `authority`, any certificate is believed: for loopback only."""
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # An empty ProxyHandler: a proxy of the developer's has no business between us and the cluster.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def socket_accepts(path: Path) -> bool:
    """Whether somebody listens on the unix socket `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True
