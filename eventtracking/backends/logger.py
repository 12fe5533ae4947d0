"""Write each event to a logger of the standard library, as event-tracking does."""

from __future__ import annotations

import json
import logging
from typing import Any

from eventtracking._options import TEXT, Options, Rule, number, optional
from eventtracking.exceptions import ImproperlyConfigured, Unserializable
from eventtracking.serialization import DateTimeJSONEncoder as DateTimeJSONEncoder  # noqa: PLC0414
from eventtracking.stats import Counters, LogThrottle, log_safely
from eventtracking.types import BackendStats, Event

logger = logging.getLogger(__name__)

MAX_EVENT_SIZE = 1024
"""The default limit of an event, in characters of JSON."""


_MAX_EVENT_SIZE = optional(number(0, unit="characters"))

_LEVEL = Rule(
    "the name of a method of a logger, such as 'info'",
    lambda level: isinstance(level, str) and callable(getattr(logger, level.lower(), None)),
)


class LoggerBackend:
    """
    Log each event as one line of JSON.

    For a file, prefer `LogFileBackend`: it writes any event, and loses no line where a
    handler of `logging` does.

    Args:
        name: The logger to write to. Default: the root logger.
        max_event_size: The number of characters of JSON that an event may have; a longer
            event is counted as lost, `too_large`. `None`: any number.
        level: The name of the logger's method to call.
        ignored: Other options are accepted, as event-tracking does, with a warning.

    Raises:
        ImproperlyConfigured: If an option is wrong. If the logger has no method called
            *level*, the exception is an `AttributeError` as well, as in event-tracking.
    """

    read_only = True

    def __init__(
        self,
        *,
        name: str | None = None,
        max_event_size: int | None = MAX_EVENT_SIZE,
        level: str = "info",
        **ignored: Any,
    ) -> None:
        if ignored:
            logger.warning("LoggerBackend has no options %s: ignored", sorted(ignored))
        options = Options("LoggerBackend")
        options.check("name", name, optional(TEXT))
        options.check("max_event_size", max_event_size, _MAX_EVENT_SIZE)
        is_level = options.check("level", level, _LEVEL)
        options.raise_problems(ImproperlyConfigured if is_level else _UnknownLevelError)
        self.max_event_size = max_event_size
        self.event_logger = logging.getLogger(name)
        self.log = getattr(self.event_logger, level.lower())
        self._counters = Counters()
        self._throttle = LogThrottle()

    def send(self, event: Event, /) -> None:
        """
        Log *event*.

        Raises:
            TypeError: If it holds a value that `DateTimeJSONEncoder` cannot write, or itself.
        """
        try:
            text = json.dumps(event, cls=DateTimeJSONEncoder)
        except (TypeError, ValueError, RecursionError) as error:
            raise Unserializable(str(error)) from error
        if self.max_event_size is not None and len(text) > self.max_event_size:
            self._drop(event, len(text))
            return
        self.log(text)
        # Afterwards: a handler may raise, and then the router counts the event.
        next(self._counters.accepted)
        next(self._counters.sent)

    def stats(self) -> BackendStats:
        """Return the statistics."""
        return self._counters.stats()

    def _drop(self, event: Event, size: int) -> None:
        next(self._counters.accepted)
        self._counters.lose("too_large")
        number = self._throttle.due("too_large")
        if number is not None:
            log_safely(
                logger.warning,
                'Lost %s event(s) over max_event_size=%s; the last was "%s" with %s characters',
                number,
                self.max_event_size,
                event.get("name"),
                size,
            )


class _UnknownLevelError(ImproperlyConfigured, AttributeError):
    """The logger has no method of that name."""
