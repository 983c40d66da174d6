"""Services that share a database, in any order of looks, decisions, writes and deaths of pods.

The sum of what pods hold never exceeds the budget, however old the knowledge of the others is; and once wishes stand
still, everybody has its max-min fair share: nobody waits for ever.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fastapi_tuning.api.status import DatabaseShare
from fastapi_tuning.control.database_budget import Claim, fair_replicas, share_of
from fastapi_tuning.control.rolling_update import PodCount, RollingUpdate
from tests.unit.control.builders import NOW
from tests.unit.control.claims import claim

MOST = 30
WINDOW = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
ROUNDS = 120
NAMES = ("a", "b", "c")


@dataclass
class Service:
    """A Deployment and its pods; `old` are those of a template that is being replaced."""

    plain: Claim
    replicas: int
    active: int
    wish: int
    old: int = 0
    starting: int = 0
    ending: int = 0
    share: DatabaseShare | None = None
    looked: bool = True
    """Whether it was read since its last decision: a cycle reads each target before it decides on it."""

    @property
    def rolling(self) -> bool:
        return self.old > 0

    @property
    def connections(self) -> int:
        return self.plain.connections_per_pod * (self.active + self.ending)

    def seen(self) -> Claim:
        return replace(
            self.plain,
            replicas=self.replicas,
            ending_pods=self.ending + max(0, self.active - self.replicas),
            rolling=self.rolling,
            wanted=self.share.wanted_pods if self.share else self.replicas,
        )

    def surge(self) -> int:
        return self.plain.update.surge(self.replicas) if self.plain.update and self.rolling else 0

    def starts_a_pod(self) -> bool:
        """The Deployment controller: up to the replicas, and in a rollout the surge, all of the new template."""
        if self.active >= self.replicas + self.surge() or self.active - self.old >= self.replicas:
            return False
        self.active += 1
        self.starting += self.rolling
        return True

    def a_new_pod_is_ready(self) -> bool:
        """Not before the batch that it replaces is gone: a pod ends faster than one gets ready."""
        if not self.starting or self.ending:
            return False
        self.starting -= 1
        return True

    def ends_a_pod(self) -> bool:
        """Replicas that are too many go at once, old ones as long as enough others are ready."""
        if self.active > self.replicas and not self.rolling:
            self.active -= 1
        elif self.rolling and self.active - self.starting > self.replicas - self._missing():
            self.active, self.old = self.active - 1, self.old - 1
            self.starting = self.starting if self.old else 0
        else:
            return False
        self.ending += 1
        return True

    def _missing(self) -> int:
        assert self.plain.update is not None
        return self.plain.update.turnover(self.replicas) - self.surge()

    def a_pod_is_gone(self) -> bool:
        if not self.ending:
            return False
        self.ending -= 1
        return True

    def settle(self) -> None:
        while self.a_pod_is_gone() or self.starts_a_pod() or self.a_new_pod_is_ready() or self.ends_a_pod():
            pass


services = st.sampled_from(NAMES)
updates = st.sampled_from(
    [
        None,
        RollingUpdate(),
        RollingUpdate(max_surge=PodCount(pods=1), max_unavailable=PodCount()),
        RollingUpdate(max_surge=PodCount(), max_unavailable=PodCount(pods=1)),
    ]
)


class SharedDatabase(RuleBasedStateMachine):
    """`book` is what the operator holds of each service: as it was read last, or as it was decided on since."""

    def __init__(self) -> None:
        super().__init__()
        self.services: dict[str, Service] = {}
        self.book: dict[str, Claim] = {}
        self.now: datetime = NOW

    @initialize(
        count=st.integers(2, 3),
        spare=st.integers(0, 60),
        sizes=st.lists(st.integers(1, 20), min_size=3, max_size=3),
        least=st.lists(st.integers(1, 3), min_size=3, max_size=3),
        updates=st.lists(updates, min_size=3, max_size=3),
    )
    def begins(
        self, count: int, spare: int, sizes: list[int], least: list[int], updates: list[RollingUpdate | None]
    ) -> None:
        """Everybody at its minimum, for which there is room."""
        made = [
            claim(name, connections_per_pod=size, replicas=fewest, least=fewest, wanted=fewest, update=update)
            for name, size, fewest, update in zip(NAMES, sizes, least, updates, strict=True)
        ][:count]
        budget = spare + sum(each.held_connections for each in made)
        for each in made:
            plain = replace(each, budget_connections=budget)
            self.services[each.owner] = Service(plain=plain, replicas=each.least, active=each.least, wish=each.least)
            self.book[each.owner] = plain
        self.budget = budget

    def _of(self, name: str) -> Service:
        return self.services.get(name) or self.services["a"]

    @rule(name=services, wish=st.sampled_from([1, 2, 5, MOST]))
    def load_changes(self, name: str, wish: int) -> None:
        service = self._of(name)
        service.wish = max(wish, service.plain.least)

    @rule(name=services)
    def is_looked_at(self, name: str) -> None:
        service = self._of(name)
        self.book[service.plain.owner] = service.seen()
        service.looked = True

    @rule(name=services, wish=st.sampled_from([1, 2, 5, MOST]))
    def has_a_whole_cycle(self, name: str, wish: int) -> None:
        """Pods that are to start or to end do so at once; those that end stay a while."""
        self.load_changes(name, wish)
        self.is_looked_at(name)
        self._decide(self._of(name), written=True)
        while self._of(name).starts_a_pod() or self._of(name).ends_a_pod():
            pass

    @rule(name=services, written=st.booleans())
    def is_decided_on(self, name: str, written: bool) -> None:
        """A write that is refused leaves the reservation behind."""
        service = self._of(name)
        if service.looked:
            self._decide(service, written=written)

    @rule(name=services)
    def is_restarted_by_us(self, name: str) -> None:
        service = self._of(name)
        if not service.looked or service.rolling or service.active < service.replicas:
            return
        if self._share(service).restart_fits and service.plain.update is not None:
            service.old, service.looked = service.active, False
            self.book[service.plain.owner] = replace(self.book[service.plain.owner], rolling=True)

    @rule(name=services)
    def controller_starts(self, name: str) -> None:
        self._of(name).starts_a_pod()

    @rule(name=services)
    def controller_ends(self, name: str) -> None:
        self._of(name).ends_a_pod()

    @rule(name=services)
    def pod_gets_ready(self, name: str) -> None:
        self._of(name).a_new_pod_is_ready()

    @rule(name=services)
    def pod_is_gone(self, name: str) -> None:
        self._of(name).a_pod_is_gone()

    @rule()
    def time_passes(self) -> None:
        self.now += MINUTE

    @invariant()
    def pods_never_hold_more_than_the_budget(self) -> None:
        assert sum(service.connections for service in self.services.values()) <= getattr(self, "budget", 0)

    @precondition(lambda self: self.services)
    @rule()
    def wishes_stand_still(self) -> None:
        """Cycle after cycle; then everybody has its share, and no wish that fits is left."""
        for _ in range(ROUNDS):
            self.now += MINUTE
            before = {name: service.replicas for name, service in self.services.items()}
            for name in self.services:
                self.is_looked_at(name)
            for service in self.services.values():
                self._decide(service, written=True)
                self.pods_never_hold_more_than_the_budget()
            for service in self.services.values():
                service.settle()
        assert before == {name: service.replicas for name, service in self.services.items()}, "at rest"
        wishes = [replace(service.seen(), wanted=service.wish) for service in self.services.values()]
        assert fair_replicas(wishes) == before

    def _share(self, service: Service) -> DatabaseShare:
        return share_of(
            service.plain.owner,
            tuple(self.book.values()),
            name="main",
            most=MOST,
            before=service.share,
            now=self.now,
        )

    def _decide(self, service: Service, *, written: bool) -> None:
        """Up to the cap; down as the load asks, or one pod at a time to the share; not down amid a rollout."""
        share = self._share(service)
        service.share = share.model_copy(update={"wanted_pods": service.wish})
        beyond = share.beyond_share_since
        target = service.replicas
        if beyond is not None and self.now - beyond >= WINDOW:
            target -= not service.rolling
        elif service.wish > service.replicas:
            target = min(service.wish, share.cap_pods)
        elif not service.rolling:
            target = service.wish
        held = self.book[service.plain.owner]
        self.book[service.plain.owner] = replace(held, replicas=max(held.replicas, target), wanted=service.wish)
        service.looked = False
        if written:
            service.replicas = target


TestSharedDatabase = SharedDatabase.TestCase
TestSharedDatabase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
