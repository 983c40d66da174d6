"""The edge of the election: asks the API server, keeps the time, and says when our leadership begins and ends."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi_tuning.api_server import ApiServer, PatchType
from fastapi_tuning.errors import Conflict, FastAPITuningError
from fastapi_tuning.leadership.candidate import Candidate, Timing
from fastapi_tuning.leadership.lease import claim, lease_of, release

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Elector:
    """Runs until cancelled; `release` then hands the lease on. The Lease exists already; it is only ever patched."""

    api: ApiServer
    path: str
    identity: str
    """Ours alone, also after a restart: a process must not take its predecessor's writes for its own."""
    began: Callable[[], None]
    """Called when we begin to lead."""
    ended: Callable[[], None]
    """Called when we no longer do, before another can."""
    ready: Callable[[], bool] = lambda: True
    """Whether we could act. Who could not does not stand: a version that does not work must not keep one from acting
    that does."""
    timing: Timing = field(default_factory=Timing)
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _candidate: Candidate = field(init=False)
    _leading: bool = False
    _holder: str = ""

    def __post_init__(self) -> None:
        self._candidate = Candidate(identity=self.identity, timing=self.timing)

    def write_seconds(self) -> float:
        """How long a write that begins now may take; 0: none may begin. Asks the clock, not what was said last."""
        return self._candidate.write_seconds(self.monotonic())

    async def run(self) -> None:
        while True:
            begun = self.monotonic()
            await self._try()
            self._settle()
            await asyncio.sleep(max(0.0, self._candidate.next_try_at(begun) - self.monotonic()))
            self._settle()

    async def release(self) -> None:
        """Let another take over at once. By then nothing of ours may be writing, and `run` has ended."""
        self._candidate = Candidate(identity=self.identity, timing=self.timing)
        self._settle()
        try:
            async with asyncio.timeout(self.timing.renew_deadline_seconds / 2):
                await self._release()
        except (FastAPITuningError, TimeoutError) as error:
            logger.warning("lease not released: it ends by itself", extra={"lease": self.path, "error": repr(error)})

    async def _try(self) -> None:
        """One try to get or keep the lease, given up early enough for a second one, and when our time to act ends."""
        patience = self.timing.renew_deadline_seconds / 2
        try:
            async with asyncio.timeout(self._candidate.at_most_while_leading(patience, self.monotonic())):
                await self._get_or_keep()
        except Conflict:
            # Another was faster, or somebody wrote something else into it.
            self._candidate = self._candidate.in_doubt()
        except (FastAPITuningError, TimeoutError) as error:
            self._candidate = self._candidate.in_doubt()
            logger.warning("lease not reached", extra={"lease": self.path, "error": str(error) or "no answer in time"})

    async def _get_or_keep(self) -> None:
        if self._candidate.lease is None or not self._leading:
            lease = lease_of(await self.api.get(self.path))
            self._candidate = self._candidate.saw(lease, self.monotonic())
            self._note_holder(lease.holder)
        begun = self.monotonic()
        lease_seen = self._candidate.lease
        if lease_seen is None or not self._candidate.may_claim(begun) or not self.ready():
            return
        body = claim(lease_seen, self.identity, self.timing.lease_seconds, self.now())
        written = lease_of(await self.api.patch(self.path, body, PatchType.MERGE))
        self._settle()
        self._candidate = self._candidate.claimed(written, begun, self.monotonic())

    async def _release(self) -> None:
        """In two tries: a renewal that was under way when `run` ended may come between."""
        for _ in range(2):
            lease = lease_of(await self.api.get(self.path))
            if lease.holder != self.identity:
                return
            try:
                await self.api.patch(self.path, release(lease, self.now()), PatchType.MERGE)
            except Conflict:
                continue
            logger.info("lease released", extra={"lease": self.path})
            return

    def _settle(self) -> None:
        """Say what has changed: when our time is over, and when it begins."""
        self._candidate = self._candidate.lapsed(self.monotonic())
        leading = self._candidate.renewed_at is not None
        if leading == self._leading:
            return
        self._leading = leading
        if leading:
            logger.info("leading", extra={"lease": self.path, "identity": self.identity})
            self.began()
        else:
            logger.info("no longer leading", extra={"lease": self.path, "identity": self.identity})
            self.ended()

    def _note_holder(self, holder: str) -> None:
        if holder not in (self._holder, self.identity, ""):
            logger.info("following", extra={"lease": self.path, "leader": holder})
        self._holder = holder
