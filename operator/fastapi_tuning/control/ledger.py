"""What moves leave behind once they are carried out: settings that are ours, the user's own, and when we moved.

The same for the operator, which carries moves out in a cluster, and for a simulator.
"""

from collections.abc import Mapping
from datetime import datetime

from fastapi_tuning.api.status import History, Settings
from fastapi_tuning.control.decide import Knob

SETTINGS_FIELDS: Mapping[Knob, str] = {
    Knob.REPLICAS: "replicas",
    Knob.THREADS: "threads",
    Knob.LIMIT_CONCURRENCY: "limit_concurrency",
    Knob.TIMEOUT_KEEP_ALIVE: "timeout_keep_alive_seconds",
    Knob.LIMIT_MAX_REQUESTS: "limit_max_requests",
    Knob.WORKERS: "workers",
}


def applied_after(applied: Settings, moves: Mapping[Knob, int]) -> Settings:
    """The settings that are ours after the moves."""
    return applied.model_copy(update={SETTINGS_FIELDS[knob]: value for knob, value in moves.items()})


def original_after(original: Settings, applied: Settings, replicas: int, done: Mapping[Knob, int]) -> Settings:
    """What the user had before our first move of replicas; settings of the template are simply given up again."""
    if Knob.REPLICAS in done and applied.replicas is None:
        return original.model_copy(update={"replicas": replicas})
    return original


def history_after(history: History, done: Mapping[Knob, int], replicas: int, now: datetime) -> History:
    """The history after the moves that were `done`; `replicas` is their number before."""
    update: dict[str, object] = {}
    if Knob.REPLICAS in done:
        update["last_scale_up_time" if done[Knob.REPLICAS] > replicas else "last_scale_down_time"] = now
    if any(knob is not Knob.REPLICAS for knob in done):
        update["last_rollout_time"] = now
    if Knob.WORKERS in done:
        update["pods_for_one_worker"] = None
    return history.model_copy(update=update)
