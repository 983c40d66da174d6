"""A profile of this process for a person who asks: begun by an annotation of the pod, given out against its token."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from fastapi_tuning_agent.environment import options_from
from fastapi_tuning_agent.peers import Place
from fastapi_tuning_agent.profile_request import ProfileRequest, profile_request_from
from fastapi_tuning_agent.sampler import Sampler
from fastapi_tuning_agent.settings_file import SettingsFile

_log = logging.getLogger("fastapi_tuning_agent")

KEEP_SECONDS = 300.0
MAX_BYTES_OF_A_WORKER = 16 << 20

SAMPLING, DONE, FAILED = "Sampling", "Done", "Failed"


class Profiler:
    """Follows the request file: what it asks for is sampled, and no longer when it asks for something else."""

    def __init__(self) -> None:
        self._file: SettingsFile | None = None
        self._work: _Work | None = None

    def look(self, now: float) -> None:
        """From the agent's thread, some ten times a second; `now` in monotonic seconds."""
        if self._work is not None and self._work.is_over(now):
            self._drop_work()
        path = options_from(os.environ).profile_file
        if path is None:
            return
        if self._file is None:
            self._file = SettingsFile(path)
        try:
            text = self._file.changed_text()
            if text is not None:
                self._begin(profile_request_from(text))
        except (OSError, ValueError) as error:
            _log.warning("no profile: %s", error)

    def answer(self, token: str) -> bytes | None:
        """JSON for whoever has the token of the last request: {"workers": [one object a worker]}. From any thread."""
        work = self._work
        if work is None or not work.request.is_of(token):
            return None
        return json.dumps({"workers": [work.told(), *work.others()]}).encode()

    def close(self) -> None:
        self._drop_work()

    def drop(self) -> None:
        """In a forked child: the thread and the result are the parent's."""
        if self._work is not None:
            self._work.place.drop()

    def _begin(self, request: ProfileRequest | None) -> None:
        if request is None:  # withdrawn: whoever asked has the result, or wants none
            self._drop_work()
        elif datetime.now(timezone.utc) >= request.expires_at:
            _log.info("a request for a profile has expired before it was seen")
        elif self._work is None or self._work.request.digest != request.digest:
            self._drop_work()
            _log.info("sampling for %.0f s, at most %.0f times a second", request.seconds, request.per_second)
            self._work = _Work(request)

    def _drop_work(self) -> None:
        if self._work is not None:
            self._work.end()
            self._work = None


class _Work:
    """One request: its thread, and later its result, which the worker with the port gets from all others."""

    def __init__(self, request: ProfileRequest) -> None:
        self.request = request
        self._gone_at = time.monotonic() + request.seconds + KEEP_SECONDS
        self._cancelled = threading.Event()
        self._told: dict[str, Any] = {"state": SAMPLING, "pid": os.getpid()}
        # The half of the digest: with all of it the name would be too long for a socket.
        self.place = Place(f"profile/{request.digest[:32]}", lambda: zlib.compress(json.dumps(self._told).encode()))
        self.place.take()
        threading.Thread(target=self._run, name="fastapi-tuning-profile", daemon=True).start()

    def is_over(self, now: float) -> bool:
        return now >= self._gone_at

    def told(self) -> dict[str, Any]:
        return self._told

    def others(self) -> Iterator[dict[str, Any]]:
        for compressed in self.place.others():
            with suppress(zlib.error, ValueError):  # cut off: it has just ended
                told = json.loads(zlib.decompressobj().decompress(compressed, MAX_BYTES_OF_A_WORKER))
                if isinstance(told, dict):
                    yield told

    def end(self) -> None:
        self._cancelled.set()
        self.place.leave()

    def _run(self) -> None:
        sampler = Sampler(self.request.seconds, self.request.per_second, self._cancelled)
        try:
            sampler.run()
            self._told = {"state": DONE, "pid": os.getpid(), "profile": sampler.profile()}
        except Exception as error:  # noqa: BLE001 - whatever breaks here, the app must not notice
            _log.warning("the profile failed", exc_info=True)
            self._told = {"state": FAILED, "pid": os.getpid(), "message": repr(error)[:200]}
