"""
Every exception of this package.

    Exception
    ├── ValueError
    │   └── ImproperlyConfigured        raised while settings are read and objects are built
    ├── EventEmissionExit               raised by a processor to drop an event on purpose
    ├── EventLost                       raised by a backend to say why it lost an event
    │   └── Unserializable              also a TypeError: an encoder cannot write a value
    ├── NoTransformerImplemented        known conditions of event-routing-backends,
    └── NoBackendEnabled                logged in one line, without a traceback

Only `ImproperlyConfigured` ever reaches application code. Processors and backends raise
the others, and their router handles them.
"""

from __future__ import annotations

from collections.abc import Sequence


class ImproperlyConfigured(ValueError):
    """
    A setting or an option is wrong. The text names it, its value and the cure.

    Args:
        text: One line for each problem.
        options: The name and the line of each option that a class refused, in the order
            of its signature.
    """

    # A class attribute too: the `__init__` of a subclass may not call this one.
    options: Sequence[tuple[str, str]] = ()

    def __init__(self, *text: object, options: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(*text)
        self.options = (*options,)


class EventEmissionExit(Exception):
    """
    Raised by a processor to stop an event. It is a decision, not an error.

    Args:
        reason: Count the event as lost for this reason, one of
            `eventtracking.stats.LOSS_REASONS`. Without a reason from that list the event
            counts as `filtered`: it was meant to be dropped.
        more: Further arguments, for the text of the exception.
    """

    # A class attribute too: the `__init__` of a subclass may not call this one.
    reason: str | None = None

    def __init__(self, reason: str | None = None, *more: object) -> None:
        # Any arguments are accepted: an error here would let the event pass.
        super().__init__(*([] if reason is None else [reason]), *more)
        self.reason = reason


class EventLost(Exception):
    """
    Raised by a backend that cannot take an event and knows why.

    The router counts the event under *reason*. If a backend raises any other exception,
    the event counts as `backend_error`.

    Args:
        reason: One of `eventtracking.stats.LOSS_REASONS`.
        explanation: What happened, for the log.
    """

    # A class attribute for the same reason as above.
    reason: str = "backend_error"

    def __init__(self, reason: str, explanation: str = "") -> None:
        super().__init__(explanation or reason)
        self.reason = reason


class Unserializable(EventLost, TypeError):
    """The event holds a value that the encoder of a backend cannot write."""

    def __init__(self, explanation: str) -> None:
        super().__init__("unserializable", explanation)


class NoTransformerImplemented(Exception):
    """A processor or backend has no transformer for this kind of event."""


class NoBackendEnabled(Exception):
    """A backend has no place to send this event to at the moment."""
