"""
Every exception of this package.

    Exception
    ├── ValueError
    │   └── ImproperlyConfigured        raised while settings are read and objects are built
    ├── EventEmissionExit               raised by a processor to drop an event on purpose
    ├── EventLost                       raised by a backend to say why it lost an event
    │   └── Unserializable              also a TypeError: an encoder met what it cannot write
    ├── NoTransformerImplemented        known conditions of event-routing-backends,
    └── NoBackendEnabled                logged in one line, without a traceback

Only `ImproperlyConfigured` ever reaches application code: the others travel
between a router and what it runs.
"""

from __future__ import annotations


class ImproperlyConfigured(ValueError):
    """A setting or an option is wrong. The text names it, its value and the cure."""


class EventEmissionExit(Exception):
    """
    Raised by a processor to stop an event. It is a decision, not an error.

    Args:
        reason: The loss this is counted as, one of `eventtracking.stats.LOSS_REASONS`.
            Without one (or with a word that is not on that list) the event counts
            as `filtered`: it was meant to be dropped.
        more: Whatever else belongs into the text of the exception.
    """

    # Of the class too: a subclass with an `__init__` of its own may not call this one.
    reason: str | None = None

    def __init__(self, reason: str | None = None, *more: object) -> None:
        # Any arguments, as exceptions take: an error here would let the event pass.
        super().__init__(*([] if reason is None else [reason]), *more)
        self.reason = reason


class EventLost(Exception):
    """
    Raised by a backend that cannot carry an event and knows why.

    The router counts the event under *reason*. A backend that raises anything else
    has the event counted as `backend_error`.

    Args:
        reason: One of `eventtracking.stats.LOSS_REASONS`.
        explanation: What happened, for the log.
    """

    # As above.
    reason: str = "backend_error"

    def __init__(self, reason: str, explanation: str = "") -> None:
        super().__init__(explanation or reason)
        self.reason = reason


class Unserializable(EventLost, TypeError):
    """The event holds something that the encoder of a backend cannot write."""

    def __init__(self, explanation: str) -> None:
        super().__init__("unserializable", explanation)


class NoTransformerImplemented(Exception):
    """A processor or backend has no transformer for this kind of event."""


class NoBackendEnabled(Exception):
    """A backend has nowhere to send this event at the moment."""
