"""The connections of one database among all workloads that name it: who may have how many pods. Pure.

Two rules, and each alone does one thing:

- The hard one keeps the budget: a workload grows only into connections that nobody holds. Pods hold connections, not
  replica counts, so pods that end, surge or are still to come are counted.
- The fair one keeps it moving: nobody grows beyond its max-min fair share, and whoever is beyond gives back at its own
  pace. The share is worked out by the same order in everybody's turn, so the last connection has exactly one heir.

Max-min fairness by progressive filling: Bertsekas and Gallager, Data Networks, section 6.5.2; here in whole pods.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi_tuning.api.status import DatabaseShare
from fastapi_tuning.control.rolling_update import RollingUpdate

_MOST_NAMES = 32
"""As the schema of the status has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one workload holds of the database, and what it would take."""

    owner: str
    """`namespace/name` of its FastAPITuning."""
    connections_per_pod: int
    budget_connections: int
    """What the pods of all claimants may hold together, as this object states it."""
    replicas: int
    """Asked for, whether they exist yet or not."""
    ending_pods: int
    """That exist beyond the replicas: on their way out, or soon to be."""
    update: RollingUpdate | None
    """None: Recreate, which ends all pods before it starts any."""
    rolling: bool
    least: int
    """Fewest replicas, by its spec."""
    wanted: int
    """Replicas that it would have, had it the connections for them."""
    movable: bool
    """Whether the operator may move its replicas; what others move can only be counted."""

    def pods(self, replicas: int) -> int:
        """Most pods there can be at once if the replicas are set to this now, a rollout that begins then included.

        Those that end in a rollout that begins later are not: they would have to be kept free for ever.
        """
        surge = 0 if self.update is None else self.update.surge(replicas)
        if not self.rolling or self.update is None:
            return replicas + self.ending_pods + surge
        return replicas + max(self.ending_pods, surge + self.update.turnover(replicas))

    @property
    def held_connections(self) -> int:
        return self.connections_per_pod * self.pods(self.replicas)

    def connections(self, replicas: int) -> int:
        return self.connections_per_pod * self.pods(replicas)

    @property
    def settled(self) -> "Claim":
        """As it will be once nothing ends and nothing rolls."""
        return replace(self, ending_pods=0, rolling=False)


def share_of(
    owner: str, claims: Collection[Claim], *, name: str, most: int, before: DatabaseShare | None, now: datetime
) -> DatabaseShare:
    """What the owner may have now, and what all hold.

    Args:
        claims: of all that name the database, the owner's among them.
        name: of the database.
        most: replicas that the owner's spec allows.
        before: its share of the last cycle.
    """
    claim = next(each for each in claims if each.owner == owner)
    others = sum(each.held_connections for each in claims if each is not claim)
    budget, used = budget_of(claims), others + claim.held_connections
    greedy = replace(claim, wanted=max(most, claim.replicas))
    fair = fair_replicas([greedy if each is claim else each for each in claims])[owner]
    since = before.beyond_share_since if before is not None and before.name == name else None
    return DatabaseShare(
        name=name,
        cap_pods=_most_that_fit(claim, fair, budget - others),
        fair_pods=fair,
        wanted_pods=claim.wanted,
        held_pods=claim.pods(claim.replicas),
        budget_connections=budget,
        used_connections=used,
        claimants=tuple(sorted(each.owner for each in claims))[:_MOST_NAMES],
        limits_differ=len({each.budget_connections for each in claims}) > 1,
        restart_fits=_restart_fits(claim, budget - others),
        beyond_share_since=(since or now) if fair < claim.replicas else None,
    )


def budget_of(claims: Iterable[Claim]) -> int:
    """Of differing statements the smallest holds."""
    return max(0, min(claim.budget_connections for claim in claims))


def fair_replicas(claims: Collection[Claim]) -> Mapping[str, int]:
    """Max-min fair replicas by owner: first everybody's minimum, then pod by pod for whoever would hold the least.

    Of equals the one that has the pod already goes first, then the first by name. What a claimant gets does not depend
    on how much more it asks for than it gets. What cannot be moved keeps what it holds.
    """
    fixed = {claim.owner: claim.replicas for claim in claims if not claim.movable}
    free = budget_of(claims) - sum(claim.settled.held_connections for claim in claims if not claim.movable)
    movable = {claim.owner: claim.settled for claim in claims if claim.movable}
    given = dict.fromkeys(movable, 0)
    for goals in (
        {owner: claim.least for owner, claim in movable.items()},
        {owner: max(claim.wanted, claim.replicas) for owner, claim in movable.items()},
    ):
        free = _fill(given, goals, movable, free)
    return fixed | given


def _fill(given: dict[str, int], goals: Mapping[str, int], claims: Mapping[str, Claim], free: int) -> int:
    """Give pods towards the goals; what is left of the free connections."""
    queue = [_turn(claims[owner], given[owner] + 1) for owner, goal in goals.items() if given[owner] < goal]
    heapq.heapify(queue)
    while queue:
        _, _, owner = heapq.heappop(queue)
        claim, pods = claims[owner], given[owner] + 1
        cost = claim.connections(pods) - (claim.connections(pods - 1) if pods > 1 else 0)
        if cost > free:
            continue
        free -= cost
        given[owner] = pods
        if pods < goals[owner]:
            heapq.heappush(queue, _turn(claim, pods + 1))
    return free


def _turn(claim: Claim, pods: int) -> tuple[int, bool, str]:
    """The smallest goes first: connections held then, whether the pod is new, name."""
    return claim.connections(pods), pods > claim.replicas, claim.owner


def _most_that_fit(claim: Claim, fair: int, free_of_others: int) -> int:
    """Replicas up to the fair share that fit into what others leave; never fewer than there are."""
    fitting = (pods for pods in range(fair, claim.replicas, -1) if claim.connections(pods) <= free_of_others)
    return next(fitting, claim.replicas)


def _restart_fits(claim: Claim, free_of_others: int) -> bool:
    """Whether a rolling restart may begin: with no pod ending, and with room for those that end in it."""
    rolling = replace(claim, rolling=True)
    return claim.ending_pods == 0 and rolling.held_connections <= free_of_others
