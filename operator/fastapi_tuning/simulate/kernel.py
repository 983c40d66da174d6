"""The inner loop: requests through pods, threads, event loops, and the database, one event after the other.

Compiled by numba, hence tables and plain functions; `plant.py` owns the tables and is the only caller.

The core of a pod is what the interpreter's lock makes of it: the event loop and each thread that computes are entries
of one queue, and whoever has the lock gives it up after 5 ms if another one wants it (`sys.getswitchinterval()`). The
event loop is a single entry that runs as many of its callbacks as fit into its turn, so it lags by half of 5 ms times
the number of computing threads: measured 6, 94 and 472 ms with 4, 40 and 200 threads.
"""

import math

import numpy as np

from fastapi_tuning.simulate.arrays import (
    CALLBACKS,
    DATABASE_QUEUE,
    FAILED,
    GONE,
    GOOD,
    LATE,
    LOCK,
    NOBODY,
    OPEN,
    POOL,
    QUEUES_PER_POD,
    READY,
    SHED,
    TOKENS,
    Table,
    Work,
    World,
)
from fastapi_tuning.simulate.queues import compiled, dequeue, enqueue, inlined, pop_event, push_event

COMPILED_WITH = "566b1231937bd25f"
"""Digest of `arrays.py` and `queues.py`: numba keeps machine code until this file changes, and overlooks them."""
SWITCH_INTERVAL_SECONDS = 0.005
_TINY_SECONDS = 1e-12
_ARRIVED, _REFUSING, _COMPUTING, _WAITING, _QUERYING, _RETURNING, _REPLYING = range(7)
"""Phases of a request."""


@inlined
def _queue(pod: int, kind: int) -> int:
    return 1 + QUEUES_PER_POD * pod + kind


@inlined
def _empty(world: World, pod: int, kind: int) -> bool:
    return bool(world.queues[_queue(pod, kind), 0] == NOBODY)


@inlined
def _join(world: World, pod: int, kind: int, slot: int) -> None:
    enqueue(world.queues, world.following, _queue(pod, kind), slot)


@inlined
def _next(world: World, pod: int, kind: int) -> int:
    return dequeue(world.queues, world.following, _queue(pod, kind))


@inlined
def _want_lock(world: World, pod: int, slot: int) -> None:
    _join(world, pod, LOCK, slot)
    world.pods[pod].runnable += 1


@inlined
def _call_back(world: World, pod: int, slot: int, phase: int) -> None:
    """Hand a request to the event loop."""
    here = world.pods[pod]
    world.requests[slot].phase = phase
    _join(world, pod, CALLBACKS, slot)
    if not here.loop_active:
        here.loop_active = True
        here.turn_used = 0.0
        _want_lock(world, pod, here.loop_slot)


@inlined
def _cpu_factor(world: World, now: float, pod: int) -> float:
    """How much longer a computation takes here and now than on a warm core of its own."""
    setup, here = world.setup[0], world.pods[pod]
    factor = (1.0 + setup.contention * math.log(1.0 + here.runnable)) / here.speed
    return factor * setup.warmup_factor if now < here.ready_at + setup.warmup else factor


@inlined
def _change_busy(world: World, now: float, pod: int, change: int) -> None:
    here = world.pods[pod]
    here.thread_seconds += here.busy * (now - here.busy_since)
    here.busy_since = now
    here.busy += change


@inlined
def _change_present(world: World, now: float, pod: int, change: int) -> None:
    here = world.pods[pod]
    here.present_seconds += here.present * (now - here.present_since)
    here.present_since = now
    here.present += change


@inlined
def _ask_database(world: World, now: float, slot: int) -> None:
    totals = world.totals[0]
    if totals.queries < world.setup[0].servers:
        totals.queries += 1
        _start_query(world, now, slot)
    else:
        totals.queries_waiting += 1
        enqueue(world.queues, world.following, DATABASE_QUEUE, slot)


@inlined
def _start_query(world: World, now: float, slot: int) -> None:
    setup, request = world.setup[0], world.requests[slot]
    slowed = 1.0 + setup.server_contention * world.totals[0].queries_waiting / setup.servers
    request.phase = _QUERYING
    push_event(world, now + slowed * request.query, slot)


@inlined
def _end_query(world: World, now: float, slot: int) -> None:
    """The server goes to whoever waits for it, then the connection to whoever of the pod waits for one."""
    totals = world.totals[0]
    pod = world.requests[slot].pod
    if totals.queries_waiting > 0:
        totals.queries_waiting -= 1
        _start_query(world, now, dequeue(world.queues, world.following, DATABASE_QUEUE))
    else:
        totals.queries -= 1
    if _empty(world, pod, POOL):
        world.pods[pod].pool_used -= 1
    else:
        _ask_database(world, now, _next(world, pod, POOL))
    _back_to_loop(world, slot)


@inlined
def _back_to_loop(world: World, slot: int) -> None:
    request = world.requests[slot]
    _call_back(world, request.pod, slot, _REPLYING if request.in_loop else _RETURNING)


@inlined
def _after_computing(world: World, now: float, slot: int) -> None:
    request = world.requests[slot]
    if request.wait > 0.0:
        request.phase = _WAITING
        push_event(world, now + request.wait, slot)
    else:
        _after_waiting(world, now, slot)


@inlined
def _after_waiting(world: World, now: float, slot: int) -> None:
    request = world.requests[slot]
    here = world.pods[request.pod]
    if request.query <= 0.0 or request.stages > 1:
        _back_to_loop(world, slot)
    elif here.pool_used < world.setup[0].pool:
        here.pool_used += 1
        _ask_database(world, now, slot)
    else:
        _join(world, request.pod, POOL, slot)


@inlined
def _take_token(world: World, now: float, slot: int) -> None:
    pod = world.requests[slot].pod
    here = world.pods[pod]
    if here.busy < here.threads:
        _run_in_thread(world, now, slot)
    else:
        here.waiting_threads += 1
        _join(world, pod, TOKENS, slot)


@inlined
def _run_in_thread(world: World, now: float, slot: int) -> None:
    request = world.requests[slot]
    _change_busy(world, now, request.pod, 1)
    if request.cpu > 0.0:
        request.phase = _COMPUTING
        request.left = request.cpu * _cpu_factor(world, now, request.pod)
        _want_lock(world, request.pod, slot)
    else:
        _after_computing(world, now, slot)


@inlined
def _admit_waiting(world: World, now: float, pod: int) -> None:
    """Free tokens go to those who wait for one, first come, first served."""
    here = world.pods[pod]
    while here.busy < here.threads and here.waiting_threads > 0:
        here.waiting_threads -= 1
        _run_in_thread(world, now, _next(world, pod, TOKENS))


@inlined
def _begin_callback(world: World, now: float, slot: int) -> float:
    """What the event loop does first for a request; gives the CPU seconds of the callback."""
    setup, request = world.setup[0], world.requests[slot]
    here = world.pods[request.pod]
    if request.phase == _RETURNING and request.stages > 1:
        return 0.0
    cost = setup.framework
    if request.phase == _ARRIVED:
        request.entered = now
        full = here.limit > 0 and here.in_flight >= here.limit
        lags = now - world.fates[request.number].arrival > setup.lag_limit
        if full or lags:
            request.phase = _REFUSING
        else:
            here.in_flight += 1
            here.started += 1.0
            if request.in_loop:
                cost += request.cpu
                if request.wait <= 0.0 and request.query <= 0.0:
                    request.phase = _REPLYING  # a coroutine that never waits runs to its end
                    cost += setup.framework
    return cost * _cpu_factor(world, now, request.pod)


@inlined
def _end_callback(world: World, now: float, slot: int) -> None:
    request = world.requests[slot]
    if request.phase == _ARRIVED:
        if request.in_loop:
            _after_computing(world, now, slot)
        else:
            _take_token(world, now, slot)
    elif request.phase == _RETURNING:
        _change_busy(world, now, request.pod, -1)
        _admit_waiting(world, now, request.pod)
        request.stages -= 1
        if request.stages > 0:
            _take_token(world, now, slot)
        else:
            _answer(world, now, slot)
    elif request.phase == _REPLYING:
        _answer(world, now, slot)
    else:
        fate = world.fates[request.number]
        world.pods[request.pod].refused += 1.0
        if fate.outcome == OPEN:
            fate.outcome = SHED
        _leave(world, now, slot)


@inlined
def _answer(world: World, now: float, slot: int) -> None:
    request = world.requests[slot]
    here, fate = world.pods[request.pod], world.fates[request.number]
    seen = now - request.entered
    here.in_flight -= 1
    here.served += 1.0
    here.latency_seconds += seen
    world.buckets[request.pod, np.searchsorted(world.edges, seen)] += 1.0
    if request.error:
        here.errors += 1.0
    if fate.outcome == OPEN:
        fate.latency = now - fate.arrival
        if request.error:
            fate.outcome = FAILED
        else:
            fate.outcome = GOOD if fate.latency <= world.setup[0].objective else LATE
    _leave(world, now, slot)


@inlined
def _leave(world: World, now: float, slot: int) -> None:
    totals = world.totals[0]
    _change_present(world, now, world.requests[slot].pod, -1)
    world.free[totals.free] = slot
    totals.free += 1


@inlined
def _run_core(world: World, now: float, pod: int) -> None:
    """Give an idle core to the first who wants it, for 5 ms at most."""
    here = world.pods[pod]
    if here.running != NOBODY or here.runnable == 0:
        return
    slot = _next(world, pod, LOCK)
    here.runnable -= 1
    if slot == here.loop_slot:
        if here.callback_left < 0.0:
            here.callback_left = _begin_callback(world, now, world.queues[_queue(pod, CALLBACKS), 0])
        length = min(here.callback_left, max(_TINY_SECONDS, SWITCH_INTERVAL_SECONDS - here.turn_used))
    else:
        length = min(world.requests[slot].left, SWITCH_INTERVAL_SECONDS)
    here.running = slot
    here.slice = length
    here.cpu_seconds += length * here.speed
    push_event(world, now + length, -1 - pod)


@inlined
def _end_slice(world: World, now: float, pod: int) -> None:
    here = world.pods[pod]
    slot = here.running
    here.running = NOBODY
    if slot == here.loop_slot:
        _end_slice_of_loop(world, now, pod)
    else:
        request = world.requests[slot]
        request.left -= here.slice
        if request.left <= _TINY_SECONDS:
            _after_computing(world, now, slot)
        else:
            _want_lock(world, pod, slot)
    _run_core(world, now, pod)


@inlined
def _end_slice_of_loop(world: World, now: float, pod: int) -> None:
    """The loop keeps the lock while it has callbacks and its turn lasts, or while no thread wants to compute."""
    here = world.pods[pod]
    here.callback_left -= here.slice
    here.turn_used += here.slice
    if here.callback_left <= _TINY_SECONDS:
        here.callback_left = -1.0
        _end_callback(world, now, _next(world, pod, CALLBACKS))
    if _empty(world, pod, CALLBACKS):
        here.loop_active = False
    elif here.runnable == 0 or here.turn_used >= SWITCH_INTERVAL_SECONDS - _TINY_SECONDS:
        here.turn_used = 0.0
        _want_lock(world, pod, here.loop_slot)
    else:
        lock = _queue(pod, LOCK)
        world.following[here.loop_slot] = world.queues[lock, 0]
        world.queues[lock, 0] = here.loop_slot
        here.runnable += 1


@inlined
def _arrive(world: World, work: Table[Work], now: float, index: int, number: int) -> None:
    brought, totals, fate = work[index], world.totals[0], world.fates[number]
    fate.arrival = now
    fate.connection = int(brought.connection * len(world.connections))
    connection = world.connections[fate.connection]
    if connection.until <= now or world.pods[connection.pod].state != READY:
        if totals.ready == 0:
            fate.outcome = FAILED
            return
        connection.pod = world.ready[int(brought.pod * totals.ready)]
        connection.since = now
        connection.until = now + brought.lifetime * world.setup[0].lifetime
    totals.free -= 1
    slot = world.free[totals.free]
    request = world.requests[slot]
    request.pod = connection.pod
    request.number = number
    request.stages = 1 if brought.in_loop else brought.tokens
    request.in_loop = brought.in_loop
    request.error = brought.error
    request.cpu = brought.cpu / request.stages
    request.wait = brought.wait / request.stages
    request.query = brought.query
    _change_present(world, now, request.pod, 1)
    _call_back(world, request.pod, slot, _ARRIVED)
    _run_core(world, now, request.pod)


@inlined
def _give_up(world: World, now: float, arrived: int) -> None:
    """Clients out of patience close their connection; the pods know nothing of it."""
    totals, patience = world.totals[0], world.setup[0].patience
    while totals.oldest < arrived:
        fate = world.fates[totals.oldest]
        if fate.arrival + patience > now:
            return
        totals.oldest += 1
        if fate.outcome == OPEN:
            fate.outcome = FAILED
            fate.latency = patience
            connection = world.connections[fate.connection]
            if connection.since <= fate.arrival:
                connection.until = now


@compiled
def set_threads(world: World, now: float, pod: int, threads: int) -> None:
    """Change the tokens of a running pod: more wake those who wait at once, fewer let running calls finish."""
    world.pods[pod].threads = threads
    _admit_waiting(world, now, pod)
    _run_core(world, now, pod)


@compiled
def advance(world: World, work: Table[Work], first_number: int, until: float) -> None:
    """Play all arrivals of `work`, whose first has `first_number`, and all that happens before `until`."""
    index = 0
    while True:
        arrival = work[index].time if index < len(work) else math.inf
        if world.totals[0].events > 0 and world.events[0].time <= arrival:
            now = world.events[0].time
            if now >= until:
                break
            what = pop_event(world)
            if what < 0:
                _end_slice(world, now, -1 - what)
            else:
                if world.requests[what].phase == _WAITING:
                    _after_waiting(world, now, what)
                else:
                    _end_query(world, now, what)
                _run_core(world, now, world.requests[what].pod)
        else:
            if arrival >= until:
                break
            _give_up(world, arrival, first_number + index)
            _arrive(world, work, arrival, index, first_number + index)
            index += 1
    _give_up(world, until, first_number + index)
    for pod in range(len(world.pods)):
        if world.pods[pod].state != GONE:
            _change_busy(world, until, pod, 0)
            _change_present(world, until, pod, 0)
