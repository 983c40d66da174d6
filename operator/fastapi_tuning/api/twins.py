"""Objects that name the same target. Pure."""

from collections.abc import Iterable

from fastapi_tuning.api.tuning import FastAPITuning


def older_twins(known: Iterable[FastAPITuning]) -> dict[str, str]:
    """By uid, the name of the older object on the same target; the oldest of them acts."""
    first: dict[tuple[str, str, str], FastAPITuning] = {}
    twins: dict[str, str] = {}
    for tuning in sorted(known, key=lambda each: (each.creation_time, each.name)):
        reference = tuning.spec.target_ref
        owner = first.setdefault((tuning.namespace, reference.kind, reference.name), tuning)
        if owner is not tuning:
            twins[tuning.uid] = owner.name
    return twins
