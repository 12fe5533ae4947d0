"""Construct the objects of entries, and close them if the settings turn out to be wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from eventtracking.backends.timeouts import call_within
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.engines import engine_name
from eventtracking.settings.problems import Problems, SettingPath

logger = logging.getLogger(__name__)

FAILED: Any = object()
"""Stands for an object that could not be constructed, after the problem was added."""

_CLOSE_SECONDS = 5.0


class Constructor:
    """
    Call engines, and keep what they return until it is closed or used.

    Args:
        problems: Gains an error for each engine that raises, or for each option it refuses.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._constructed: list[Any] = []

    def construct(
        self,
        engine: Callable[..., Any],
        options: Mapping[str, Any],
        entry: Mapping[str, Any],
        path: SettingPath,
    ) -> Any:
        """
        Return `engine(**options)`, or `FAILED`.

        Args:
            engine: The imported engine of the entry.
            options: Its options, with references and entries replaced.
            entry: The entry as it is in the settings, for messages.
            path: The path of the entry.
        """
        try:
            constructed = engine(**options)
        except Exception as error:
            # Without the frame of this method, whose variables hold secrets.
            cause = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
            self._add_problems(engine, entry, path, cause)
            return FAILED
        self._constructed.append(constructed)
        return constructed

    def close(self) -> None:
        """Close every constructed object that has a `close`."""
        while self._constructed:
            self._close(self._constructed.pop())

    def _add_problems(
        self, engine: Callable[..., Any], entry: Any, path: SettingPath, error: Exception
    ) -> None:
        """Add each option that *engine* refused, or else the whole entry."""
        given = entry.get("OPTIONS") or {}
        refused = getattr(error, "options", ())
        for name, line in refused:
            option = name.partition("[")[0]
            if option in given:
                place = (*path, "OPTIONS", option)
                self._problems.add("construction", place, given[option], line, error)
            else:
                self._problems.add("construction", (*path, "OPTIONS"), given, line, error)
        if not refused:
            key = "OPTIONS" if given else "ENGINE"
            text = _error_text(error, engine)
            self._problems.add("construction", (*path, key), entry[key], text, error)

    def _close(self, constructed: Any) -> None:
        close = getattr(constructed, "close", None)
        if not callable(close):
            return
        try:
            call_within(close, _CLOSE_SECONDS)
        except Exception as error:  # the other objects must be closed all the same
            text = self._problems.masker.mask_text(f"{type(error).__name__}: {error}")
            logger.warning("%s could not be closed: %s", type(constructed).__name__, text)


def _error_text(error: Exception, engine: Callable[..., Any]) -> str:
    """Return the text of *error*, with its origin unless the text was written for operators."""
    try:
        text = str(error)
    except Exception:
        text = "(the error has no text)"
    if isinstance(error, ImproperlyConfigured):
        return text
    return f"{engine_name(engine)} raised {type(error).__name__}: {text}"
