"""One knob: where it is, where its rule wants it, what each guard made of that, and what is awaited. Pure."""

from fastapi_tuning.api.considered import Consideration, GuardAnswer
from fastapi_tuning.api.reason_meanings import meaning_of
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.explain.awaited import Situation, awaited
from fastapi_tuning.explain.times import until


def wish_told(wish: Consideration, situation: Situation) -> list[str]:
    """Lines, the first one names the knob."""
    lines = [f"{wish.knob}: {_is(wish)}, the rule {_wants(wish)}", *_reason(wish.reason, wish.message)]
    value = wish.wished
    for answer in wish.guards:
        lines += _guard(answer, value)
        value = value if answer.value is None else answer.value
    lines.append(f"  → {_outcome(wish, value)}")
    return lines + _awaits(wish, situation)


def _is(wish: Consideration) -> str:
    return "not known or not ours" if wish.current is None else f"{wish.current} now"


def _wants(wish: Consideration) -> str:
    return f"would leave it at {wish.wished}" if wish.wished == wish.current else f"wants {wish.wished}"


def _reason(reason: Reason, message: str) -> list[str]:
    return [f"  since {message}" if message else f"  {reason}", f"  ({reason}: {meaning_of(reason)})"]


def _guard(answer: GuardAnswer, value: int) -> list[str]:
    made = "holds it where it is" if answer.value is None else f"makes {answer.value} of {value}"
    said = f": {answer.message}" if answer.message else ""
    return [f"  - {answer.reason} {made}{said}", f"    ({meaning_of(answer.reason)})"]


def _outcome(wish: Consideration, value: int) -> str:
    if wish.moved_to is not None:
        return f"moved to {wish.moved_to}"
    stays = "as it is" if wish.current is None else f"at {wish.current}"
    held = any(answer.value is None for answer in wish.guards)
    return f"stays {stays}; {value} is what it would be" if held and value != wish.current else f"stays {stays}"


def _awaits(wish: Consideration, situation: Situation) -> list[str]:
    """Only what kept the whole wish from happening is awaited."""
    if wish.moved_to == wish.wished or wish.wished == wish.current:
        return []
    lines = []
    for answer in wish.guards:
        found = awaited(wish, answer.reason, situation)
        if found is not None:
            when = "" if found.until is None else f", not before {until(found.until, situation.now)}"
            lines.append(f"  awaits {found.what}{when}")
    return lines
