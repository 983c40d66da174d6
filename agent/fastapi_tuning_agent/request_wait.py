"""How long a request has waited before anybody in the process looked at it, by the kernel's own clock.

Under overload requests queue where no timer of the loop sees them: in sockets that are not read yet, and in the accept
queue of the kernel, from which uvloop takes one connection a turn.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

_LAST_DATA_RECEIVED_OFFSET_BYTES = 52
"""`tcpi_last_data_recv` of Linux's `struct tcp_info`, milliseconds."""
_TCP_INFO_BYTES = 56
_RESOLUTION_MILLISECONDS = 10
"""The kernel counts in jiffies, of up to 10 ms: less is no wait."""


def waited_seconds(receive: Any) -> float:
    """Seconds since the last byte of a request came, by the `receive` that uvicorn gives to the app.

    0 where that cannot be told: not Linux, not TCP, another server, a client that has gone.
    """
    try:
        descriptor = receive.__self__.transport.get_extra_info("socket").fileno()
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        finally:
            connection.detach()  # it is the server's, and stays open
        milliseconds: int = struct.unpack_from("I", info, _LAST_DATA_RECEIVED_OFFSET_BYTES)[0]
        return milliseconds / 1000 if milliseconds >= _RESOLUTION_MILLISECONDS else 0.0
    except (AttributeError, OSError, ValueError, struct.error):
        return 0.0
