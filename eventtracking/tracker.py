"""The tracker: add the time and the context to an event, and send it through the router."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol

from eventtracking._imports import import_string
from eventtracking.backends.routing import RoutingBackend
from eventtracking.event import copy_value
from eventtracking.locator import ContextVarLocator, TaskContexts, merge
from eventtracking.locks import held
from eventtracking.stats import Counters, LogThrottle, log_safely
from eventtracking.types import (
    Backend,
    Context,
    ContextLocator,
    Event,
    Processor,
    TrackerStats,
)

logger = logging.getLogger(__name__)

UNKNOWN_EVENT_TYPE = "unknown"
"""The name of an event that was emitted without one."""

DEFAULT_TRACKER_NAME = "default"
"""The name under which `emit` and `context` look for their tracker."""

TRACKERS: dict[str, Tracker] = {}
"""The registered trackers by name."""

# An event emitted while another one is being sent is delivered. An event emitted while
# that one is being sent is a loop: a backend that logs to a handler that emits, and so on.
_MAX_NESTED_EMITS = 2


class Tracker:
    """
    Send named events, with the context they happened in, through processors to backends.

    Args:
        backends: Backends by name; see `RoutingBackend`.
        context_locator: Keeps the entered contexts. Default: a `ContextVarLocator`, which
            keeps them with the asyncio task, thread or greenlet.
        processors: Run on every event, in this order, before any backend.

    Raises:
        ValueError: If a backend cannot `send`, or a processor is not callable.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend] | None = None,
        context_locator: ContextLocator | None = None,
        processors: Iterable[Processor] | None = None,
    ) -> None:
        self.routing_backend = RoutingBackend(backends, processors)
        self.context_locator = ContextVarLocator() if context_locator is None else context_locator
        self._counters = Counters()
        self._throttle = LogThrottle()
        self._closed = False
        self._active = _active_emits()

    @property
    def backends(self) -> MutableMapping[str, Backend]:
        """The backends by name. Live: changing it changes where events go."""
        return self.routing_backend.backends

    @property
    def processors(self) -> list[Processor]:
        """The processors, in order. Live."""
        return self.routing_backend.processors

    @property
    def located_context(self) -> MutableMapping[str, Context]:
        """The contexts entered here, by name."""
        return self.context_locator.get()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called: events sent afterwards are lost, and counted."""
        return self._closed

    def get_backend(self, name: str) -> Backend:
        """
        Return the backend called *name*.

        Raises:
            KeyError: If no backend has that name.
        """
        return self.backends[name]

    def emit(self, name: str | Enum | None = None, data: Mapping[str, Any] | None = None) -> None:
        """
        Send an event. Never raises, whatever the arguments, the backends or the disk do.

        Args:
            name: The event's name, as `namespace.object.action`, or an enum with that value.
                An empty one becomes `"unknown"`. At run time any object is accepted.
            data: The facts worth keeping. The caller may change it afterwards. At run time
                any object is accepted.
        """
        counters = self._counters
        try:
            if type(name) is not str and issubclass(type(name), Enum):
                name = name.value  # type: ignore[union-attr]
            try:
                event: Event = {
                    "name": name or UNKNOWN_EVENT_TYPE,  # type: ignore[typeddict-item]
                    "timestamp": datetime.now(UTC),
                    "data": data or {},  # type: ignore[typeddict-item]
                    "context": self.resolve_context(),
                }
            except Exception:
                event = self._new_event_safely(name, data)
            # Not `self.send`: a subclass written for event-tracking may have one of its own.
            Tracker.send(self, event)
        except Exception as error:
            for _ in counters.losses["backend_error"]:
                break
            counters.unlogged += ((self._log_loss, {"name": name}, "backend_error", error),)
        if counters.unlogged:
            try:
                counters.log_losses()
            except Exception:
                # The stack is still full, or the memory: the next event logs them.
                return

    def send(self, event: Event, /) -> None:
        """
        Send *event*, which has its time and context already: one from a browser, for example.

        It is processed and counted like an event of `emit`, and no error of a backend is
        raised. Nothing is added to it.
        """
        counters = self._counters
        active = self._active
        depth = active.emits
        if depth == _MAX_NESTED_EMITS or self._closed:
            reason = "closed" if self._closed else "recursion"
            for _ in counters.losses[reason]:
                break
            counters.unlogged += ((self._log_loss, event, reason),)
        else:
            active.emits = depth + 1
            try:
                self.routing_backend.send(event)
            finally:
                active.emits = depth
        if counters.unlogged:
            try:
                counters.log_losses()
            except Exception:
                # As in `emit`.
                return

    def resolve_context(self) -> dict[str, Any]:
        """Return all entered contexts in one new dict; later ones win."""
        contexts = self.context_locator.get()
        if type(contexts) is TaskContexts:
            return contexts.entered.get().merged.copy()
        return merge(contexts)

    def enter_context(self, name: str, ctx: Context | None) -> None:
        """
        Add the facts in *ctx* to every event that is emitted from here on.

        The tracker keeps a copy: to change a context, enter it again. *ctx* replaces a
        context entered before under the same name. A *ctx* that is not a mapping is
        ignored with a warning.
        """
        self.located_context[name] = self._context_copy(name, ctx)

    def exit_context(self, name: str) -> None:
        """
        Leave the context called *name*.

        Raises:
            KeyError: If it is not entered.
        """
        del self.located_context[name]

    @contextmanager
    def context(self, name: str, ctx: Context | None) -> Iterator[None]:
        """Enter a context for a `with` block, then restore the one it replaced."""
        before = self.located_context.get(name)
        self.enter_context(name, ctx)
        try:
            yield
        finally:
            if before is None:
                self.located_context.pop(name, None)
            else:
                self.located_context[name] = before

    def flush(self, timeout: float | None = None) -> bool:
        """Send the waiting events within *timeout* seconds; return whether none is left."""
        return self.routing_backend.flush(timeout)

    def close(self, timeout: float | None = 5.0) -> bool:
        """
        Flush and close the backends within *timeout* seconds; return whether no event is left.

        Events emitted afterwards are counted as lost, `closed`. Safe to call twice.
        """
        self._closed = True
        return self.routing_backend.close(timeout)

    def stats(self) -> TrackerStats:
        """
        Return the statistics of the tracker and of every backend.

        `filtered` and `lost` count the events that reached no backend, on purpose or not.
        The events that a backend lost are in the statistics of that backend.
        """
        router = self.routing_backend.stats()
        own = Counter(self._counters.lost())
        return {
            "emitted": router["accepted"] + own.total(),
            "filtered": router["filtered"],
            "lost": dict(own + Counter(router["lost"])),
            "backends": router["backends"],
        }

    def __repr__(self) -> str:
        return f"<Tracker backends={list(self.backends)}>"

    def _context_copy(self, name: str, ctx: Any) -> dict[str, Any]:
        try:
            return copy_value(dict(ctx))  # type: ignore[no-any-return]
        except Exception:
            if self._throttle.due("context") is not None:
                message = 'Ignored context "%s": it must be a mapping, got %s'
                log_safely(logger.warning, message, name, type(ctx).__name__)
            return dict(self.located_context.get(name) or {})

    def _new_event_safely(self, name: Any, data: Any) -> Event:
        """Return an event of arguments whose truth value may raise."""
        return {
            "name": _value_or(name, UNKNOWN_EVENT_TYPE),
            "timestamp": datetime.now(UTC),
            "data": _value_or(data, {}),
            "context": self.resolve_context(),
        }

    def _log_loss(self, event: Event, reason: str, cause: Exception | None = None) -> None:
        number = self._throttle.due(reason)
        if number is not None:
            message = 'Lost %s event(s), %s; the last was "%s"'
            log_safely(logger.warning, message, number, reason, event.get("name"), cause=cause)


def emit(name: str | Enum | None = None, data: Mapping[str, Any] | None = None) -> None:
    """
    Send an event through the default tracker; see `Tracker.emit`. Never raises.

    If no default tracker is registered, the settings file that the environment variable
    `EVENT_TRACKING_CONFIG` names is loaded once. If the variable is not set, a warning says
    how to configure a tracker, and events are dropped.
    """
    tracker = TRACKERS.get(DEFAULT_TRACKER_NAME) or _first_use.tracker()
    if tracker is not None:
        tracker.emit(name, data)


@contextmanager
def context(name: str, ctx: Context | None) -> Iterator[None]:
    """Enter a context of the default tracker for a `with` block."""
    tracker = TRACKERS.get(DEFAULT_TRACKER_NAME) or _first_use.tracker()
    if tracker is None:
        yield
        return
    with tracker.context(name, ctx):
        yield


def default_tracker() -> Tracker | None:
    """Return the tracker that `emit` uses, after loading settings as `emit` does, or `None`."""
    return TRACKERS.get(DEFAULT_TRACKER_NAME) or _first_use.tracker()


def register_tracker(tracker: Tracker, name: str = DEFAULT_TRACKER_NAME) -> None:
    """Register *tracker* as *name*, and replace any other tracker of that name."""
    TRACKERS[name] = tracker
    _first_use.forget()


def get_tracker(name: str = DEFAULT_TRACKER_NAME) -> Tracker:
    """
    Return the tracker registered as *name*.

    Raises:
        KeyError: If no tracker has that name.
    """
    return TRACKERS[name]


class _FirstUse:
    """Load settings for the first emit of a program that configured nothing, or warn once."""

    def __init__(self) -> None:
        # Reentrant: a backend that is being configured may emit.
        self._lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Make the next emit load settings, or warn, again."""
        self._trying: object = _NEVER
        self._tried: object = _NEVER

    def tracker(self) -> Tracker | None:
        """Return the default tracker, after one attempt to configure it, or `None`."""
        path = os.environ.get("EVENT_TRACKING_CONFIG") or None
        if path != self._tried:
            with held(self._lock, _CONFIGURE_SECONDS) as is_held:
                # Another thread may have configured a tracker while this one waited.
                if is_held and path != self._trying and DEFAULT_TRACKER_NAME not in TRACKERS:
                    self._trying = path
                    self._configure(path)
                    self._tried = path
        return TRACKERS.get(DEFAULT_TRACKER_NAME)

    def _configure(self, path: str | None) -> None:
        if path is None:
            log_safely(logger.warning, _UNCONFIGURED)
            return
        try:
            # By name: the settings are on a higher layer and import this module.
            import_string("eventtracking.settings.configure")(path)
        except Exception as error:
            message = "EVENT_TRACKING_CONFIG=%s: events are dropped. %s"
            log_safely(logger.warning, message, path, "; ".join(str(error).splitlines()))


_UNCONFIGURED = (
    "No tracker is configured: events are dropped. Call eventtracking.settings.configure(), "
    "or name a settings file in EVENT_TRACKING_CONFIG"
)

_NEVER = object()

# The longest wait for another thread that is loading the settings.
_CONFIGURE_SECONDS = 10.0

_first_use = _FirstUse()
# A lock that another thread holds during a fork would stay locked in the child.
os.register_at_fork(after_in_child=_first_use.__init__)  # type: ignore[misc]


class _ActiveEmits(Protocol):
    """The number of emits of this thread that are running, one inside the other."""

    emits: int


_thread_local: dict[str, _ActiveEmits] = {}


def _active_emits() -> _ActiveEmits:
    """Return the one thread-local object in which all trackers count their running emits."""
    # Made by the first tracker, after a possible gevent patch, and not at import.
    if "active" not in _thread_local:
        local = type("ActiveEmits", (threading.local,), {"emits": 0})
        _thread_local.setdefault("active", local())
    return _thread_local["active"]


def _value_or(value: Any, default: Any) -> Any:
    try:
        return value or default
    except Exception:
        # An array, for example, has no truth value. It does not count as empty.
        return value
