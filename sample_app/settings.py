"""What can be set from outside, each as an environment variable with the prefix `SAMPLE_`."""

import tempfile
from pathlib import Path

from pydantic import AnyHttpUrl, Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

MAX_MILLISECONDS = 10_000
"""Longest an endpoint may be asked to take: a typing error must not hold a thread for an hour."""


class Settings(BaseSettings):
    """Raises pydantic's ValidationError, which names the variable, for a value that cannot be used."""

    model_config = SettingsConfigDict(env_prefix="SAMPLE_", frozen=True)

    sync_milliseconds: int = Field(default=250, ge=0, le=MAX_MILLISECONDS)
    """How long `/sync-slow` waits when the request does not say."""

    database_url: str = f"sqlite:///{Path(tempfile.gettempdir()) / 'sample-app.sqlite3'}"
    """SQLAlchemy URL; PostgreSQL as `postgresql+psycopg://user:password@host/name`."""

    database_pool_size: PositiveInt = 10
    database_max_overflow: int = Field(default=20, ge=0)
    """Connections beyond the pool's size at need; they are closed again, the pool's own stay open."""

    external_url: AnyHttpUrl | None = None
    """The API that `/external` calls. None: this app itself, `/async`, wherever it listens."""

    cache_ttl_seconds: PositiveInt = 300
