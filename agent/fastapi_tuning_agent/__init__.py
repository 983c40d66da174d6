"""In-process agent of the FastAPI tuning operator: `install(app)` and nothing else to learn.

It runs in someone else's process. Whatever fails here is logged and left out; the app goes on as without it.
This module and `finder` are loaded by every Python process of a container that has the agent, so they import nothing.
"""

from __future__ import annotations

from fastapi_tuning_agent.version import __version__

TYPE_CHECKING = False  # not typing's: that module alone takes longer to load than all of this
if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["__version__", "install"]


def install(app: Starlette) -> None:
    """Tunes the process that serves `app`, and reports on it.

    `app` is a FastAPI or Starlette app that has not started. Calling it again for the same app does nothing.
    Never raises: what cannot be done is logged and left out.
    """
    from fastapi_tuning_agent.application import install_into

    install_into(app)
