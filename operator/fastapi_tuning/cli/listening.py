"""The sockets that the operator is reached on."""

import socket

from fastapi_tuning.errors import CannotStart


def listen(port: int) -> socket.socket:
    """A socket on all addresses. Ours, because uvicorn ends the process when a port is taken.

    Raises:
        CannotStart: it is.
    """
    try:
        listener = socket.create_server(("", port))
        # Connections inherit it. asyncio sets it itself only on sockets that name their protocol, which these do not;
        # without it an answer in two parts waits 40 ms for the other side's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise CannotStart(f"port {port} cannot be opened: {error.strerror}") from error
