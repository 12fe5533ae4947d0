"""The tracker: give an event its time and context and send it on its way."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from eventtracking._imports import import_string
from eventtracking.backends.routing import RoutingBackend
from eventtracking.event import copy_value
from eventtracking.locator import ContextVarLocator, TaskContexts, merge
from eventtracking.stats import Ledger, Notices
from eventtracking.types import Backend, Context, ContextLocator, Event, Processor

logger = logging.getLogger(__name__)

UNKNOWN_EVENT_TYPE = "unknown"
"""The name of an event that was emitted without one."""

DEFAULT_TRACKER_NAME = "default"
"""The name under which `emit` and `context` look for their tracker."""

TRACKERS: dict[str, Tracker] = {}
"""Every registered tracker by its name."""

# An event that is emitted on the way of another is delivered. One emitted on the way
# of that one is a loop: a backend that logs into a handler that emits, and so on.
_MAX_NESTED_EMITS = 2


class Tracker:
    """
    Send named events, with the contexts they happened in, through processors to backends.

    Args:
        backends: Backends by name; see `RoutingBackend`.
        context_locator: Where contexts live. Default: with the task, thread or greenlet.
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
        self._ledger = Ledger()
        self._notices = Notices()
        self._closed = False
        self._way = _way()

    @property
    def backends(self) -> OrderedDict[str, Backend]:
        """The backends by name. Live: changing it changes where events go."""
        return self.routing_backend.backends

    @property
    def processors(self) -> list[Processor]:
        """The processors, in order. Live."""
        return self.routing_backend.processors

    @property
    def located_context(self) -> MutableMapping[str, Context]:
        """The contexts that are entered here, by name."""
        return self.context_locator.get()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called: what is sent from then on is lost, and counted."""
        return self._closed

    def get_backend(self, name: str) -> Backend:
        """
        Return the backend called *name*.

        Raises:
            KeyError: If there is none.
        """
        return self.backends[name]

    def emit(self, name: Any = None, data: Any = None) -> None:
        """
        Send an event. Never raises, whatever the arguments, the backends or the disk do.

        Args:
            name: What happened, as `namespace.object.action`; empty means `"unknown"`.
            data: What is worth knowing about it. The caller may change it afterwards.
        """
        way = self._way
        try:
            depth = way.depth
            if depth == _MAX_NESTED_EMITS or self._closed:
                self._lose("closed" if self._closed else "recursion", name)
                return
            way.depth = depth + 1
        except RecursionError:
            # Called with the last frame of the stack: none is left to count in, and this
            # takes none.
            for _ in self._ledger.losses["closed" if self._closed else "recursion"]:
                break
            return
        try:
            try:
                event = {
                    "name": name or UNKNOWN_EVENT_TYPE,
                    "timestamp": datetime.now(UTC),
                    "data": data or {},
                    "context": self.resolve_context(),
                }
            except Exception:
                event = self._odd_event(name, data)
            self.routing_backend.send(event)
        except Exception as error:
            try:
                self._lose("backend_error", name, error)
            except RecursionError:
                # As above.
                for _ in self._ledger.losses["backend_error"]:
                    break
        finally:
            way.depth = depth

    def send(self, event: Event, /) -> None:
        """
        Send *event*, which has its time and context already: what a browser reported, say.

        It goes the way of the events that `emit` makes, and is counted like them. Nothing is
        added to it, and nothing of the backends' is raised.
        """
        way = self._way
        depth = way.depth
        if depth == _MAX_NESTED_EMITS or self._closed:
            self._lose("closed" if self._closed else "recursion", event.get("name"))
            return
        way.depth = depth + 1
        try:
            self.routing_backend.send(event)
        finally:
            way.depth = depth

    def resolve_context(self) -> dict[str, Any]:
        """Return all entered contexts in one new dict, later over earlier."""
        contexts = self.context_locator.get()
        if type(contexts) is TaskContexts:
            return contexts.entered.get().merged.copy()
        return merge(contexts)

    def enter_context(self, name: str, ctx: Context | None) -> None:
        """
        Add the facts in *ctx* to every event that is emitted from here on.

        A copy is kept: to change a context, enter it again. Under a name that is
        entered already, *ctx* takes the place of what stood there; but if it is no mapping,
        it is ignored with a warning.
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
        """Enter a context for a `with` block, then bring back what stood under its name."""
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
        """Send what waits in the backends, within *timeout* seconds; tell whether all went out."""
        return self.routing_backend.flush(timeout)

    def close(self, timeout: float | None = 5.0) -> bool:
        """
        Flush and close the backends within *timeout* seconds; tell whether all went out.

        Events emitted afterwards are counted as lost, `closed`. Safe to call twice.
        """
        self._closed = True
        return self.routing_backend.close(timeout)

    def stats(self) -> dict[str, Any]:
        """
        Return `{"emitted", "filtered", "lost", "backends"}`.

        `filtered` and `lost` are the events that reached no backend, dropped on purpose
        or by misfortune. What a backend lost stands in its own books.
        """
        router = self.routing_backend.stats()
        on_the_way = Counter(self._ledger.lost())
        return {
            "emitted": router["accepted"] + on_the_way.total(),
            "filtered": router["filtered"],
            "lost": dict(on_the_way + Counter(router["lost"])),
            "backends": router["backends"],
        }

    def __repr__(self) -> str:
        return f"<Tracker backends={list(self.backends)}>"

    def _context_copy(self, name: str, ctx: Any) -> dict[str, Any]:
        try:
            return copy_value(dict(ctx))  # type: ignore[no-any-return]
        except Exception:
            if self._notices.due("context") is not None:
                message = 'Ignored context "%s": it must be a mapping, got %s'
                Notices.say(logger.warning, message, name, type(ctx).__name__)
            return dict(self.located_context.get(name) or {})

    def _odd_event(self, name: Any, data: Any) -> dict[str, Any]:
        """Make an event of arguments that raise when they are asked whether they are empty."""
        return {
            "name": _or(name, UNKNOWN_EVENT_TYPE),
            "timestamp": datetime.now(UTC),
            "data": _or(data, {}),
            "context": self.resolve_context(),
        }

    def _lose(self, reason: str, name: Any, cause: Exception | None = None) -> None:
        """Count an event as lost. A `RecursionError` says that it is not counted."""
        for _ in self._ledger.losses[reason]:
            break
        try:
            number = self._notices.due(reason)
            if number is not None:
                message = 'Lost %s event(s), %s; the last was "%s"'
                Notices.say(logger.warning, message, number, reason, name, cause=cause)
        except RecursionError:
            return


def emit(name: Any = None, data: Any = None) -> None:
    """
    Send an event through the default tracker. Never raises.

    Without a default tracker, the settings file named by the environment variable
    `EVENT_TRACKING_CONFIG` is loaded once; without that, one warning says how to
    configure, and events are dropped.
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
    """Return the tracker that `emit` sends with, configured as `emit` would; `None` without one."""
    return TRACKERS.get(DEFAULT_TRACKER_NAME) or _first_use.tracker()


def register_tracker(tracker: Tracker, name: str = DEFAULT_TRACKER_NAME) -> None:
    """Make *tracker* known as *name*, in the place of the one that was."""
    TRACKERS[name] = tracker
    _first_use.forget()


def get_tracker(name: str = DEFAULT_TRACKER_NAME) -> Tracker:
    """
    Return the tracker registered as *name*.

    Raises:
        KeyError: If there is none.
    """
    return TRACKERS[name]


class _FirstUse:
    """Find settings for the first emit of a program that configured nothing, or say so once."""

    def __init__(self) -> None:
        # Reentrant: what is being configured may emit.
        self._lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Look, and warn, again the next time."""
        self._trying: object = _NEVER
        self._tried: object = _NEVER

    def tracker(self) -> Tracker | None:
        """Return the default tracker, after one attempt to configure it, or `None`."""
        path = os.environ.get("EVENT_TRACKING_CONFIG") or None
        if path != self._tried and self._lock.acquire(timeout=_CONFIGURE_SECONDS):
            try:
                # Not if another thread has just configured: all the others were waiting for it.
                if path != self._trying and DEFAULT_TRACKER_NAME not in TRACKERS:
                    self._trying = path
                    self._configure(path)
                    self._tried = path
            finally:
                self._lock.release()
        return TRACKERS.get(DEFAULT_TRACKER_NAME)

    def _configure(self, path: str | None) -> None:
        if path is None:
            Notices.say(logger.warning, _UNCONFIGURED)
            return
        try:
            # By name: settings lie above this module and import it.
            import_string("eventtracking.settings.configure")(path)
        except Exception as error:  # the host did not ask for this; it only emits
            message = "EVENT_TRACKING_CONFIG=%s: events are dropped. %s"
            Notices.say(logger.warning, message, path, "; ".join(str(error).splitlines()))


_UNCONFIGURED = (
    "No tracker is configured: events are dropped. Call eventtracking.settings.configure(), "
    "or name a settings file in EVENT_TRACKING_CONFIG"
)

_NEVER = object()

# How long a thread waits for another one to finish reading the settings.
_CONFIGURE_SECONDS = 10.0

_first_use = _FirstUse()
# A lock that another thread holds at the fork would stay held in the child for ever.
os.register_at_fork(after_in_child=_first_use.__init__)  # type: ignore[misc]


class _Way(Protocol):
    depth: int


_shared: dict[str, _Way] = {}


def _way() -> _Way:
    """Return where each thread notes how many of its emits are on their way, one in the other."""
    if "way" not in _shared:
        # Made by the first tracker, so that a gevent patch applied after the import counts.
        _shared.setdefault("way", type("Way", (threading.local,), {"depth": 0})())
    return _shared["way"]


def _or(value: Any, default: Any) -> Any:
    try:
        return value or default
    except Exception:
        # An array, say, has no truth value: it is not nothing.
        return value
