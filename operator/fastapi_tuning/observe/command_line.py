"""A container's command as the words its process is started with, as far as the pod template tells them. Pure.

Kubernetes expands $(VAR) in commands, arguments and values. A shell, wherever it stands (`tini -- sh -ec "…"`), splits
its script and expands $VAR, ${VAR} and ${VAR:-default}. What the pod template does not tell stays as it is written: it
is then no number, and seen to be none.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHELLS = ("sh", "bash", "ash", "dash")
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_KUBERNETES_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SHELL_REFERENCE = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})(?::?-([^}}]*))?\}})")
_LONGEST_VALUE = 256
"""A longer value is not put in for its variable: references to references would grow without end."""
_LONGEST_SCRIPT = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Variables that the pod template sets, by name; None: the value is elsewhere (`valueFrom`)."""

    values: Mapping[str, str | None]
    complete: bool
    """False: `envFrom` sets others, whose names are not known either."""


def environment_of(container: Mapping[str, Any]) -> Environment:
    """Of a container of a pod template; a value may refer to variables before it."""
    values: dict[str, str | None] = {}
    for entry in container.get("env") or ():
        text = entry.get("value") or ""
        values[entry["name"]] = None if entry.get("valueFrom") else _expanded_by_kubernetes(text, values)
    return Environment(values=values, complete=not container.get("envFrom"))


def words_of(container: Mapping[str, Any], environment: Environment) -> list[str]:
    """Command and arguments, with the script of a shell in the place of the call."""
    arguments = [*(container.get("command") or ()), *(container.get("args") or ())]
    return _without_shell([_expanded_by_kubernetes(each, environment.values) for each in arguments], environment)


def base(word: str) -> str:
    """The program that a path names."""
    return word.rsplit("/", 1)[-1]


def flag(words: Sequence[str], *names: str) -> tuple[str, str] | None:
    """(as written, value) of the last such flag, in the forms `--f v`, `--f=v` and, for one letter, `-f4`."""
    found = None
    for index, word in enumerate(words):
        for name in names:
            if word == name and index + 1 < len(words):
                found = (f"{name} {words[index + 1]}", words[index + 1])
            elif word.startswith(f"{name}="):
                found = (word, word.removeprefix(f"{name}="))
            elif len(name) == 2 and re.fullmatch(rf"{name}[0-9]+", word):
                found = (word, word.removeprefix(name))
    return found


def assignment(words: Sequence[str], variable: str) -> str | None:
    """What the command itself gives a variable (`VAR=4 uvicorn …`, `export VAR=4`), the last time it does."""
    values = [word.removeprefix(f"{variable}=") for word in words if word.startswith(f"{variable}=")]
    return values[-1] if values else None


def hidden_argument(words: Sequence[str]) -> str | None:
    """A word that may be any argument, since it is a variable whose value is not known, and no flag's value."""
    for before, word in zip(("", *words), words, strict=False):
        if word.startswith("$") and not before.startswith("-"):
            return word
    return None


def _without_shell(words: list[str], environment: Environment) -> list[str]:
    for index, word in enumerate(words):
        if base(word) in _SHELLS and (at := _script_index(words, index)) is not None:
            script = words[at]
            # "$@" in a script are the arguments behind it, the first of which is the script's own name.
            rest = words[at + 2 :] if "$@" in script else []
            return [*words[:index], *_without_shell(_split(script, environment), environment), *rest]
    return words


def _script_index(words: Sequence[str], shell: int) -> int | None:
    """Where the script of `sh -c` is; options may stand on both sides of -c, or hold it (`-o pipefail -ec`)."""
    takes_script, index = False, shell + 1
    while index < len(words):
        if not words[index].startswith(("-", "+")):
            return index if takes_script else None
        takes_script |= re.fullmatch("-[A-Za-z]*c[A-Za-z]*", words[index]) is not None
        index += 2 if re.fullmatch("[-+][A-Za-z]*[oO]", words[index]) else 1
    return None


def _split(script: str, environment: Environment) -> list[str]:
    """Words of a script; one that is too long or does not parse tells nothing."""
    if len(script) > _LONGEST_SCRIPT:
        return []
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:
        return []
    return [part for word in words for part in _expanded_by_shell(word, environment)]


def _expanded_by_kubernetes(text: str, values: Mapping[str, str | None]) -> str:
    """$(VAR) by its value, $$ by $; a variable that is not known stays, as it does in Kubernetes."""

    def value(reference: re.Match[str]) -> str:
        if reference[0] == "$$":
            return "$"
        return _put_in(values.get(reference[1]), reference[0])

    return _KUBERNETES_REFERENCE.sub(value, text)


def _expanded_by_shell(word: str, environment: Environment) -> list[str]:
    """A word with its variables put in, and split where a value has blanks, as a shell does outside of quotes."""
    return _SHELL_REFERENCE.sub(_shell_value(environment), word).split() if "$" in word else [word]


def _shell_value(environment: Environment) -> Callable[[re.Match[str]], str]:
    def value(reference: re.Match[str]) -> str:
        name, default = reference[1] or reference[2], reference[3]
        known = environment.values.get(name)
        absent = name not in environment.values and environment.complete
        empty = known == "" and ":-" in reference[0]
        return _put_in(default if absent or empty else known, reference[0])

    return value


def _put_in(value: str | None, otherwise: str) -> str:
    return otherwise if value is None or len(value) > _LONGEST_VALUE else value
