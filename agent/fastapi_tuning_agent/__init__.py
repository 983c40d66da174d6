"""In-process agent of the FastAPI tuning operator: `install(app)` and nothing else to learn.

It runs in someone else's process. Whatever fails here is logged and left out; the app goes on as without it.
"""

from fastapi_tuning_agent.install import install
from fastapi_tuning_agent.version import __version__

__all__ = ["__version__", "install"]
