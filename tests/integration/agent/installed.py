"""An app that has the agent by its own choice, without injection."""

from app import app  # type: ignore[import-not-found]

from fastapi_tuning_agent import install

install(app)
