"""What is asked of this process now: by its environment at the start, by the settings file ever after."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timezone

from fastapi_tuning_agent.environment import options_from
from fastapi_tuning_agent.settings import InvalidSettingError, Settings, settings_from, thread_pool_size
from fastapi_tuning_agent.settings_file import SettingsFile

_log = logging.getLogger("fastapi_tuning_agent")


class Wishes:
    """Keeps the last settings that could be used: a broken or missing file changes nothing."""

    def __init__(self) -> None:
        self._start = Settings()
        self._asked = Settings()
        self._file: SettingsFile | None = None
        self.errors = 0

    def read_environment(self) -> None:
        path = options_from(os.environ).settings_file
        self._file = SettingsFile(path) if path is not None else None
        try:
            self._start = Settings(threads=thread_pool_size(os.environ))
        except InvalidSettingError as error:
            self._start = Settings()
            self.errors += 1
            _log.warning("%s; the thread pool keeps its size", error)

    def read_file(self) -> None:
        if self._file is None:
            return
        try:
            text = self._file.changed_text()
            if text is not None:
                self._asked = settings_from(text)
        except (OSError, ValueError) as error:
            self.errors += 1
            _log.warning("settings not used, the last ones stay in force: %s", error)

    def now(self) -> Settings:
        """The settings to be in force: those of the file until they expire, over those of the environment."""
        expiry = self._asked.expires_at
        if expiry is not None and datetime.now(timezone.utc) >= expiry:
            return self._start
        if self._asked.threads is None:
            return self._asked._replace(threads=self._start.threads)
        return self._asked
