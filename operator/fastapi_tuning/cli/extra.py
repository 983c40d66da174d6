"""Modules that need the extra `simulate`; imported when a verb runs, since the operator's image goes without."""

from importlib import import_module
from types import ModuleType

import click


def module_with_extra(name: str) -> ModuleType:
    """The module.

    Raises:
        click.ClickException: what it needs is not installed; the message says how to get it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"{missing.name} is not installed: pip install 'fastapi-tuning-operator[simulate]'"
        ) from missing
