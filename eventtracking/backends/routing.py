"""Run an event through processors and hand it to every backend. A router is itself a backend."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from operator import itemgetter
from typing import Any, NamedTuple

from eventtracking.backends.timeouts import call_within
from eventtracking.event import copy_event
from eventtracking.exceptions import (
    EventEmissionExit,
    EventLost,
    NoBackendEnabled,
    NoTransformerImplemented,
)
from eventtracking.stats import LOSS_REASONS, Ledger, Notices, value
from eventtracking.types import Backend, Event, Processor

logger = logging.getLogger(__name__)


class RoutingBackend:
    """
    A list of processors, run in order, and the backends behind them.

    No backend sees what another did to an event: each gets a copy of its own, unless
    it says `read_only = True`. Whatever a processor or a backend raises stays here:
    it is logged, at most once a minute, and counted.

    Args:
        backends: Backends by name. An event reaches them in the order of their names.
        processors: Callables that change, replace or drop an event, in this order.

    Raises:
        ValueError: If a backend has no callable `send`, or a processor is not callable.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend] | None = None,
        processors: Iterable[Processor] | None = None,
    ) -> None:
        self._backends = _Backends()
        self.processors: list[Processor] = []
        self._ledger = Ledger()
        self._notices = Notices()
        self._branches: dict[tuple[str, int], _Branch] = {}
        self._handed: list[Ledger] = []
        self._plan = self._new_plan()
        for name, backend in sorted((backends or {}).items(), key=itemgetter(0)):
            self.register_backend(name, backend)
        for processor in processors or ():
            self.register_processor(processor)

    @property
    def read_only(self) -> bool:
        """Whether `send` copies before it changes anything: ours does, a subclass may not."""
        return type(self).send is RoutingBackend.send

    @property
    def backends(self) -> OrderedDict[str, Backend]:
        """The backends by name. Live: changing it changes where the next event goes."""
        return self._backends

    @backends.setter
    def backends(self, backends: Mapping[str, Backend]) -> None:
        """Replace all of them, in the order given."""
        self._backends = _Backends(backends)
        # Made by no change, it would pass for the mapping that was there.
        self._backends.version = object()

    def register_backend(self, name: str, backend: Backend) -> None:
        """
        Add *backend* behind the ones that are there, or in the place of the one called *name*.

        Raises:
            ValueError: If *backend* has no callable `send`.
        """
        if not callable(getattr(backend, "send", None)):
            raise ValueError(
                f'Backend {type(backend).__name__} does not have a callable "send" method.'
            )
        self.backends[name] = backend

    def register_processor(self, processor: Processor) -> None:
        """
        Add *processor* behind the ones that are there.

        Raises:
            ValueError: If *processor* is not callable.
        """
        if not callable(processor):
            raise ValueError(f"Processor {type(processor).__name__} is not callable.")
        self.processors.append(processor)

    def send(self, event: Event, /) -> None:
        """Process a copy of *event* and hand it to every backend. Raises nothing of theirs."""
        # A subclass, or a test that patches it, may have a way of its own, as in event-tracking.
        if getattr(self.send_to_backends, "__func__", None) is not _SEND_TO_BACKENDS:
            self._send_another_way(event)
            return
        next(self._ledger.accepted)
        copied = None
        try:
            is_ours = getattr(self.process_event, "__func__", None) is _PROCESS_EVENT
            if self.processors or not is_ours:
                try:
                    copied = copy_event(event)
                    event = self.process_event(copied)
                except EventEmissionExit as decision:
                    self._drop(event, decision)
                    return
                except Exception as error:
                    # Not the processors': out of memory or stack, the copy could not be made.
                    self._drop(event, EventEmissionExit("backend_error"), error)
                    return
                except BaseException:
                    # gevent's Timeout, a worker's SystemExit: not ours to stop, but ours to count.
                    for _ in self._ledger.losses["backend_error"]:
                        break
                    raise
            self._hand_out(event, event is copied)
        except RecursionError:
            # The last frames of the stack: nobody has counted the event, and there is
            # none left to do it in. This takes none.
            for _ in self._ledger.losses["backend_error"]:
                break

    def process_event(self, event: Event, /) -> Event:
        """
        Return what the processors make of *event*, which they may change in place.

        Raises:
            EventEmissionExit: If one of them drops it.
        """
        for processor in tuple(self.processors):
            try:
                processed = processor(event)
            except EventEmissionExit:
                raise
            except Exception as error:
                self._report_processor(processor, error)
                if getattr(processor, "fails_closed", False) is True:
                    raise EventEmissionExit("guard_failed") from error
            else:
                if processed is not None:
                    event = processed
        return event

    def send_to_backends(self, event: Event, /) -> None:
        """
        Hand *event* to every backend, unprocessed. What one raises is logged and counted.

        `send` goes through a method that overrides this one. The event is counted here: who
        takes it elsewhere keeps the books of that.
        """
        next(self._ledger.accepted)
        try:
            self._hand_out(event, False)
        except RecursionError:
            # As in `send`.
            for _ in self._ledger.losses["backend_error"]:
                break

    def flush(self, timeout: float | None = None) -> bool:
        """Send what waits in the backends; tell whether nothing is left. Bounded by *timeout*."""
        return self._each("flush", timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Close the backends; tell whether nothing was left. Bounded by *timeout* seconds."""
        return self._each("close", timeout)

    def stats(self) -> dict[str, Any]:
        """
        Return the books: this router's own, and those of its backends under `"backends"`.

        `filtered` and `lost` are what the processors here dropped. `sent` went on to
        the backends, whose own losses stand in their own books.
        """
        return {
            **self._ledger.stats(),
            "sent": sum(value(handed.sent) for handed in self._handed),
            "filtered": value(self._ledger.filtered),
            "backends": {branch.name: branch.stats() for branch in self._fresh_plan().branches},
        }

    def __repr__(self) -> str:
        return f"<RoutingBackend backends={list(self.backends)} processors={self.processors!r}>"

    def _send_another_way(self, event: Event) -> None:
        """Send with a `send_to_backends` that is not ours, and counts what it accepts."""
        try:
            self.send_to_backends(self.process_event(copy_event(event)))
        except EventEmissionExit as decision:
            next(self._ledger.accepted)
            self._drop(event, decision)
        except Exception as error:
            next(self._ledger.accepted)
            self._drop(event, EventEmissionExit("backend_error"), error)

    def _hand_out(self, event: Event, own: bool) -> None:
        """Hand *event* to every backend. A `RecursionError` says that none got it."""
        plan = self._plan
        if plan.version is not self._backends.version:
            plan = self._new_plan()
        next(plan.handed.sent)
        for branch in plan.branches:
            try:
                # The last backend may keep a copy that was made here anyway.
                if branch.read_only or (own and branch is plan.branches[-1]):
                    branch.backend.send(event)
                else:
                    branch.backend.send(copy_event(event))
            except Exception as error:
                try:
                    self._report_backend(branch, event, error)
                except RecursionError:
                    for _ in branch.ledger.losses["backend_error"]:
                        break
            except BaseException:
                # As in `send`.
                plan.interrupt(branch)
                raise

    def _fresh_plan(self) -> _Plan:
        is_fresh = self._plan.version is self._backends.version
        return self._plan if is_fresh else self._new_plan()

    def _new_plan(self) -> _Plan:
        version = self._backends.version
        branches: dict[tuple[str, int], _Branch] = {}
        for name, backend in [*self._backends.items()]:
            key = (name, id(backend))
            # setdefault: of two threads that meet a new backend at once, one opens its books.
            branches[key] = self._branches.setdefault(key, _Branch(name, backend))
        gone = self._branches.keys() - branches.keys()
        # Unless another thread was faster: what is gone for this one may be new for that.
        if version is self._backends.version:
            for key in gone:
                self._branches.pop(key, None)
        handed = Ledger()
        self._handed.append(handed)
        plan = _Plan(version, tuple(branches.values()), handed)
        for branch in plan.branches:
            branch.handed.append(handed)
        self._plan = plan
        return plan

    def _drop(
        self, event: Event, decision: EventEmissionExit, cause: Exception | None = None
    ) -> None:
        """Count *event* as dropped. A `RecursionError` says that it is not counted."""
        reason = decision.reason
        if reason not in LOSS_REASONS:
            next(self._ledger.filtered)
            return
        for _ in self._ledger.losses[reason]:
            break
        try:
            number = self._notices.due(("dropped", reason))
            if number is not None:
                message = 'Lost event "%s": %s%s'
                facts = _name_of(event), reason, _times(number)
                Notices.say(logger.warning, message, *facts, cause=cause)
        except RecursionError:
            return

    def _report_processor(self, processor: Processor, error: Exception) -> None:
        number = self._notices.due(("processor", id(processor)))
        if number is not None:
            message = "Failed to execute processor: %s%s"
            Notices.say(logger.error, message, processor, _times(number), cause=error)

    def _report_backend(self, branch: _Branch, event: Event, error: BaseException) -> None:
        """Count *event* as lost for *branch*. A `RecursionError` says that it is not counted."""
        reason = error.reason if isinstance(error, EventLost) else None
        for _ in branch.ledger.losses[reason if reason in LOSS_REASONS else "backend_error"]:
            break
        try:
            number = branch.notices.due(type(error).__name__)
            if number is not None:
                self._say_why(branch, event, error, _times(number))
        except RecursionError:
            return

    def _say_why(self, branch: _Branch, event: Event, error: BaseException, times: str) -> None:
        if isinstance(error, NoTransformerImplemented | NoBackendEnabled):
            message = "[send_to_backends] %s: %s%s"
            Notices.say(logger.info, message, branch.name, error, times)
            return
        message = 'Unable to send edx event "%s" to backend: %s%s'
        Notices.say(logger.error, message, _name_of(event), branch.name, times, cause=error)

    def _each(self, method: str, timeout: float | None) -> bool:
        """Call *method* of every backend that has it, within what is left of *timeout*."""
        deadline = None if timeout is None else time.monotonic() + timeout
        results = [
            branch.finish(method, deadline and max(0.0, deadline - time.monotonic()))
            for branch in self._fresh_plan().branches
        ]
        return all(results)


_PROCESS_EVENT = RoutingBackend.process_event
_SEND_TO_BACKENDS = RoutingBackend.send_to_backends


class _Branch:
    """One backend behind a router, with the books that the router keeps about it."""

    __slots__ = ("backend", "handed", "ledger", "name", "notices", "read_only")

    def __init__(self, name: str, backend: Backend) -> None:
        self.name = name
        self.backend = backend
        # `is True`: a mock has every attribute, and each of them is truthy.
        self.read_only = _attribute(backend, "read_only") is True
        self.ledger = Ledger()
        self.notices = Notices()
        # What it got is what was handed to all branches, under each plan it was part of.
        self.handed: list[Ledger] = []

    def finish(self, method: str, timeout: float | None) -> bool:
        """Flush or close the backend; a failure is logged and counts as not finished."""
        call = _attribute(self.backend, method)
        if not callable(call):
            return True
        try:
            return call_within(call, timeout) is not False
        except Exception as error:
            Notices.say(logger.error, "Backend %s: %s() failed", self.name, method, cause=error)
            return False

    def stats(self) -> dict[str, Any]:
        """Return the backend's own books, if it keeps any, with what `send` raised for."""
        raised = Counter(self.ledger.lost())
        books = self._own_books()
        if books is None:
            handed = sum(value(handed.sent) for handed in self.handed)
            sent = handed - raised.total()
            return {"accepted": handed, "sent": sent, "pending": 0, "lost": dict(raised)}
        lost = dict(raised + Counter(books["lost"]))
        return {**books, "accepted": books["accepted"] + raised.total(), "lost": lost}

    def _own_books(self) -> dict[str, Any] | None:
        stats = _attribute(self.backend, "stats")
        if not callable(stats):
            return None
        try:
            books = stats()
        except Exception as error:
            Notices.say(logger.error, "Backend %s: stats() failed", self.name, cause=error)
            return None
        return books if _are_books(books) else None


class _Plan(NamedTuple):
    """The branches of a router, as of one version of its backends, and the events they got."""

    version: object
    branches: tuple[_Branch, ...]
    handed: Ledger

    def interrupt(self, branch: _Branch) -> None:
        """Count an event as lost for *branch*, where something stopped it, and for those behind."""
        for missed in self.branches[self.branches.index(branch) :]:
            # A router in which it was stopped has counted it there.
            if missed is not branch or not isinstance(branch.backend, RoutingBackend):
                missed.ledger.lose("backend_error")


class _Backends(OrderedDict[str, Backend]):
    """Backends by name, in a mapping that anyone may change: each change makes a new `version`."""

    version: object = None


def _renewing(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def change(self: _Backends, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        finally:
            self.version = object()

    return change


# Each of them by itself: implemented in C, none goes through another.
for _method in (
    OrderedDict.__setitem__,
    OrderedDict.__delitem__,
    OrderedDict.__ior__,
    OrderedDict.clear,
    OrderedDict.move_to_end,
    OrderedDict.pop,
    OrderedDict.popitem,
    OrderedDict.setdefault,
    OrderedDict.update,
):
    setattr(_Backends, _method.__name__, _renewing(_method))


def _attribute(backend: Backend, name: str) -> Any:
    """Return what *backend* has under *name*, `None` if it has nothing, or fails over it."""
    try:
        return getattr(backend, name, None)
    except Exception as error:
        message = "Backend %s has no %s: it failed"
        Notices.say(logger.error, message, type(backend).__name__, name, cause=error)
        return None


def _are_books(books: Any) -> bool:
    """Tell whether *books* are whole, and can be added up."""
    if not isinstance(books, dict) or not isinstance(lost := books.get("lost"), Mapping):
        return False
    numbers = [books.get(name) for name in ("accepted", "sent", "pending")]
    return all(isinstance(number, int) for number in (*numbers, *lost.values()))


def _name_of(event: Event) -> Any:
    return event.get("name") if isinstance(event, dict) else type(event)


def _times(number: int) -> str:
    return "" if number == 1 else f" ({number} times since this was last said)"
