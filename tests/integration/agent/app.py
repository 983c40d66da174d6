"""The app that every server of the matrix runs, on any Python. It knows nothing of the agent."""

import asyncio
import os
import sys
import threading
import time
import traceback
from typing import Any

from fastapi import FastAPI, WebSocket

written: list[str] = []  # files that the agent opened for writing


def note_writes(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        files = {frame.filename for frame in traceback.extract_stack()}
        if any("fastapi_tuning_agent" in file for file in files):
            written.append(arguments[0])


sys.addaudithook(note_writes)
app = FastAPI()


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {}


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    return {}


@app.get("/")
async def root(milliseconds: int = 0) -> dict[str, int]:
    await asyncio.sleep(milliseconds / 1000)
    return {"pid": os.getpid()}


@app.get("/sync")
def sync(milliseconds: int = 0) -> dict[str, str]:
    time.sleep(milliseconds / 1000)
    return {"thread": threading.current_thread().name}


@app.get("/to-thread")
async def to_thread() -> dict[str, str]:
    return {"thread": await asyncio.to_thread(lambda: threading.current_thread().name)}


@app.get("/blocking")
async def blocking(milliseconds: int = 0) -> dict[str, str]:
    time.sleep(milliseconds / 1000)  # noqa: ASYNC251 - the mistake that is to be found
    return {}


@app.get("/call")
async def call(port: int) -> dict[str, int]:
    import httpx  # not at the start: only where it is installed

    async with httpx.AsyncClient(trust_env=False) as client:
        return {"status": (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code}


@app.get("/fail")
async def fail() -> dict[str, str]:
    raise LookupError("a bug of the app")


@app.get("/written")
async def files_written() -> list[str]:
    return written


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()
