"""Who holds which connections of which database in one cycle: read from the cluster, and written on at each decision.

One process decides on all objects, one after the other, so an entry is a reservation: whoever decides later sees it,
whether the write behind it came through or not. The next cycle reads anew what came of it, and what cannot be read is
taken from the status of the last one, so that neither a restart nor another leader forgets what somebody holds.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi_tuning.api.database import Database
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.status import DatabaseShare, FastAPITuningStatus
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.control.conflicts import lasting_owners, replicas_are_ours
from fastapi_tuning.control.cycle import Outcome
from fastapi_tuning.control.database_budget import Claim, share_of
from fastapi_tuning.control.knobs import Knob, mode_of
from fastapi_tuning.control.route import Route
from fastapi_tuning.control.stops import stops_everything, stops_of
from fastapi_tuning.errors import FastAPITuningError, NotFound
from fastapi_tuning.observe.workloads import Target

Key = tuple[str, str]


@dataclass(slots=True)
class ConnectionBook:
    """Claims by database, and there by target: two objects on one target have the same pods."""

    _claims: dict[str, dict[Key, Claim]]

    @classmethod
    def of(
        cls,
        known: Iterable[FastAPITuning],
        targets: Mapping[Key, Target | FastAPITuningError],
        twins: Container[str],
        status_of: Callable[[FastAPITuning], FastAPITuningStatus],
        now: datetime,
    ) -> "ConnectionBook":
        """What holds as the cycle begins.

        Args:
            known: all objects.
            targets: of those that matter now; the others' databases are nobody's concern.
            twins: uids of objects on whose target an older one acts.
            status_of: the newest status of an object.
        """
        claims: dict[str, dict[Key, Claim]] = {}
        naming = [tuning for tuning in known if tuning.spec.database is not None]
        for tuning in sorted(naming, key=lambda each: (each.uid in twins, not acts(each, now), each.creation_time)):
            database, target = tuning.spec.database, targets.get((tuning.namespace, tuning.name))
            if database is None or target is None or isinstance(target, NotFound):
                continue
            share = status_of(tuning).database
            claim = (
                _unread(tuning, database, share)
                if isinstance(target, FastAPITuningError)
                else _claim(tuning, database, target, share, moves=tuning.uid not in twins and acts(tuning, now))
            )
            claims.setdefault(database.name, {}).setdefault(_target_of(tuning), claim)
        return cls(claims)

    def share(self, tuning: FastAPITuning, before: DatabaseShare | None, now: datetime) -> DatabaseShare | None:
        """What this object may have now."""
        database = tuning.spec.database
        if database is None:
            return None
        claims = self._claims[database.name]
        return share_of(
            claims[_target_of(tuning)].owner,
            claims.values(),
            name=database.name,
            most=tuning.spec.replicas.max,
            before=before,
            now=now,
        )

    def reserved(self, tuning: FastAPITuning, outcome: Outcome, way: Route) -> DatabaseShare | None:
        """Enter what a decision takes: before it is written, and though the write may fail; the share with that.

        What it gives up is free once the pods are gone.
        """
        database, share = tuning.spec.database, outcome.database
        if database is None or share is None:
            return None
        claims, target = self._claims[database.name], _target_of(tuning)
        before = claims[target]
        restarts = Knob.WORKERS in outcome.moves or (
            way is Route.ROLLOUT and bool(outcome.moves.keys() - {Knob.REPLICAS})
        )
        after = claims[target] = replace(
            before,
            replicas=max(before.replicas, outcome.moves.get(Knob.REPLICAS, 0)),
            wanted=share.wanted_pods,
            rolling=before.rolling or restarts,
        )
        more = after.held_connections - before.held_connections
        return share.model_copy(
            update={
                "held_pods": after.pods(after.replicas),
                "used_connections": share.used_connections + more,
                "restart_fits": share.restart_fits and not restarts,
            }
        )

    def restarted(self, tuning: FastAPITuning) -> None:
        """Enter what the restart takes that brings the agent in or out."""
        database = tuning.spec.database
        if database is not None:
            claims, target = self._claims[database.name], _target_of(tuning)
            claims[target] = replace(claims[target], rolling=True)


def sharing(due: Iterable[FastAPITuning], known: Iterable[FastAPITuning]) -> tuple[FastAPITuning, ...]:
    """Objects that name a database of one that is due, and are not due themselves; those that are off have pods too."""
    due = tuple(due)
    names = {tuning.spec.database.name for tuning in due if tuning.spec.database is not None}
    uids = {tuning.uid for tuning in due}
    return tuple(
        tuning
        for tuning in known
        if tuning.spec.database is not None and tuning.spec.database.name in names and tuning.uid not in uids
    )


def acts(tuning: FastAPITuning, now: datetime) -> bool:
    """Whether the object's own settings let the operator change anything."""
    stopped = stops_everything(stops_of(tuning.spec, tuning.annotations, now))
    return tuning.spec.mode is Mode.AUTO and not tuning.spec.suspend and not stopped


def _claim(
    tuning: FastAPITuning, database: Database, target: Target, share: DatabaseShare | None, *, moves: bool
) -> Claim:
    workload = target.workload
    known = share if share is not None and share.name == database.name else None
    return Claim(
        owner=_owner(tuning),
        connections_per_pod=database.connections_per_pod,
        budget_connections=database.budget_connections,
        # What an autoscaler was asked for is on its way.
        replicas=max(workload.desired_replicas, workload.asked_replicas),
        ending_pods=workload.ending_pods,
        update=workload.update,
        rolling=workload.rollout_in_progress,
        least=tuning.spec.replicas.min,
        wanted=workload.desired_replicas if known is None else known.wanted_pods,
        movable=(
            moves
            and mode_of(tuning.spec, Knob.REPLICAS) is Mode.AUTO
            and replicas_are_ours(lasting_owners(tuning.spec, workload))
        ),
    )


def _unread(tuning: FastAPITuning, database: Database, share: DatabaseShare | None) -> Claim:
    """Of a target that could not be read: what it held last; one that was never seen may be as large as it may be."""
    held = tuning.spec.replicas.max if share is None or share.name != database.name else share.held_pods
    return Claim(
        owner=_owner(tuning),
        connections_per_pod=database.connections_per_pod,
        budget_connections=database.budget_connections,
        replicas=held,
        ending_pods=0,
        update=None,
        rolling=False,
        least=0,
        wanted=held,
        movable=False,
    )


def _owner(tuning: FastAPITuning) -> str:
    return f"{tuning.namespace}/{tuning.name}"


def _target_of(tuning: FastAPITuning) -> Key:
    return tuning.namespace, tuning.spec.target_ref.name
