"""A TCP path on this machine that forwards to an address, and can be broken in the ways in which networks break."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK_BYTES = 65536
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for 0 seconds."""


@dataclass(frozen=True, slots=True)
class Clear:
    """All is forwarded."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Connections are reset, and so is each new one."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing arrives and nobody is told: connections of before and of this time stay dead for ever."""


@dataclass(frozen=True, slots=True)
class Slow:
    """What the client sends arrives that much later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answered:
    """Something else answers each HTTP request."""

    body: bytes
    status: str = "200 OK"
    content_type: str = "application/json"

    @property
    def response(self) -> bytes:
        head = (
            f"HTTP/1.1 {self.status}\r\nContent-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + self.body


Fault = Clear | Refused | Silent | Slow | Answered


@dataclass(slots=True, eq=False)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    dead: bool = False

    def reset(self) -> None:
        _reset(self.client)
        _reset(self.server)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a farewell: the other side reads a reset, where closing alone would be an end in good order."""
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        writer.transport.abort()


@dataclass(slots=True)
class FaultyPath:
    """From `port` of `host` to `target`. It runs in a thread of its own from `open` to the end of the block."""

    host: str
    target: tuple[str, int]
    port: int = 0
    _fault: Fault = Clear()
    _connections: set[_Connection] = field(default_factory=set)
    _served: set["asyncio.Task[None]"] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def open(self) -> "Iterator[FaultyPath]":
        """Listen; all connections are reset at the end."""
        opened = Future[asyncio.Event]()
        thread = threading.Thread(target=lambda: asyncio.run(self._run(opened)), daemon=True)
        thread.start()
        over = opened.result()
        try:
            yield self
        finally:
            self._call(over.set)
            thread.join()

    async def _run(self, opened: "Future[asyncio.Event]") -> None:
        self._loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._serve, self.host, 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            opened.set_result(over)
            await over.wait()
        self._begin(Refused())
        await asyncio.gather(*self._served)

    def _call(self, what: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None, "open it first"
        self._loop.call_soon_threadsafe(what, *arguments)

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Broken like that within the block."""
        self._call(self._begin, fault)
        try:
            yield
        finally:
            self._call(self._begin, Clear())

    def _begin(self, fault: Fault) -> None:
        self._fault = fault
        for connection in tuple(self._connections):
            match fault:
                case Refused():
                    connection.reset()
                case Silent():
                    connection.dead = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        task.add_done_callback(self._served.discard)
        if isinstance(self._fault, Refused):
            _reset(writer)
            return
        try:
            from_server, to_server = await asyncio.open_connection(*self.target)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(client=writer, server=to_server, dead=isinstance(self._fault, Silent))
        self._connections.add(connection)
        try:
            await asyncio.gather(self._upwards(reader, connection), self._downwards(from_server, connection))
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _upwards(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        """Client to server; ends with either's connection, unless that is dead, which nobody notices."""
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                fault = self._fault
                match fault:
                    case Answered():
                        connection.client.write(fault.response)
                        await connection.client.drain()
                        break
                    case Slow():
                        await asyncio.sleep(fault.seconds)
                if not connection.dead:
                    connection.server.write(chunk)
                    await connection.server.drain()
        if connection.client.can_write_eof():
            connection.client.close()
        connection.server.close()

    async def _downwards(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        """Server to client; a dead connection swallows all, the end as well."""
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if not connection.dead:
                    connection.client.write(chunk)
                    await connection.client.drain()
        if not connection.dead:
            connection.client.close()
