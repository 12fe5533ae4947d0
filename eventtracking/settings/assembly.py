"""Turn settings into a time zone, processors and backends."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from eventtracking._imports import did_you_mean
from eventtracking.settings.construction import FAILED, Constructor
from eventtracking.settings.names import BACKENDS, ENABLED, PROCESSORS, TIME_ZONE, parse_boolean
from eventtracking.settings.problems import Problems, SettingPath
from eventtracking.settings.resolver import Resolver


class Assembly:
    """
    The objects that settings describe, and the problems found while building them.

    A problem does not stop the work, so that all problems are found at once. Callers must
    call `check` before they use the objects.

    Args:
        settings: The settings.
        backends_name: The setting that holds the backends.
        processors_name: The setting that holds the processors.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        backends_name: str = BACKENDS,
        processors_name: str = PROCESSORS,
    ) -> None:
        self.problems = Problems()
        self._constructor = Constructor(self.problems)
        self._resolver = Resolver(self.problems, self._constructor)
        self._check_enabled(settings.get(ENABLED), (ENABLED,))
        self.time_zone = self._time_zone(settings.get(TIME_ZONE), (TIME_ZONE,))
        self.processors = self._resolver.processors(
            settings.get(processors_name), (processors_name,)
        )
        self.backends = self._resolver.backends(settings.get(backends_name), (backends_name,))
        self.variables = frozenset(self._resolver.variables)

    def check(self) -> None:
        """
        Close the objects and raise if anything is wrong.

        Raises:
            ImproperlyConfigured: With a line for each problem.
        """
        if self.problems:
            self.close()
            raise self.problems.exception()

    def close(self) -> None:
        """Close every object that was built here and has a `close`."""
        self._constructor.close()

    def _check_enabled(self, value: Any, path: SettingPath) -> None:
        enabled = self._resolver.resolve(value, path)
        if enabled is not None and enabled is not FAILED and parse_boolean(enabled) is None:
            self.problems.add("setting", path, value, "it must be true or false")

    def _time_zone(self, value: Any, path: SettingPath) -> datetime.tzinfo | None:
        """Return the time zone with the name *value*, or `None` if there is no value."""
        name = self._resolver.resolve(value, path)
        if name is None or name is FAILED:
            return None
        import pytz

        name = name if isinstance(name, str) else ""
        try:
            return pytz.timezone(name)  # type: ignore[no-any-return]
        except pytz.UnknownTimeZoneError:
            hint = did_you_mean(name, pytz.all_timezones)
            text = f"it must be the name of a time zone, such as 'UTC'.{hint}"
            self.problems.add("setting", path, value, text)
            return None
