"""Run an event through processors and hand it to every backend. A router is itself a backend."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
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
from eventtracking.stats import LOSS_REASONS, Counters, LogThrottle, count_of, log_safely
from eventtracking.types import Backend, BackendStats, Event, Processor

logger = logging.getLogger(__name__)


class RoutingBackend:
    """
    A list of processors, run in order, and the backends behind them.

    No backend sees what another did to an event: each gets a copy of its own, unless
    it says `read_only = True`. An exception of a processor or a backend never leaves the
    router: it is logged, at most once a minute, and counted.

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
        self._backends = _LiveBackends()
        self.processors: list[Processor] = []
        self._counters = Counters()
        self._throttle = LogThrottle()
        self._branches: dict[tuple[str, int], _Branch] = {}
        self._handed: list[Counters] = []
        self._plan = self._new_plan()
        for name, backend in sorted((backends or {}).items(), key=itemgetter(0)):
            self.register_backend(name, backend)
        for processor in processors or ():
            self.register_processor(processor)

    @property
    def read_only(self) -> bool:
        """Whether `send` copies before it changes anything; a subclass may override `send`."""
        return type(self).send is RoutingBackend.send

    @property
    def backends(self) -> MutableMapping[str, Backend]:
        """The backends by name. Live: changing it changes where the next event goes."""
        return self._backends

    @backends.setter
    def backends(self, backends: Mapping[str, Backend]) -> None:
        """Replace all of them, in the order given."""
        self._backends = _LiveBackends(backends)

    def register_backend(self, name: str, backend: Backend) -> None:
        """
        Add *backend* after the existing ones, or in the place of the one called *name*.

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
        Add *processor* after the existing ones.

        Raises:
            ValueError: If *processor* is not callable.
        """
        if not callable(processor):
            raise ValueError(f"Processor {type(processor).__name__} is not callable.")
        self.processors.append(processor)

    def send(self, event: Event, /) -> None:
        """Process a copy of *event* and hand it to every backend. Their errors are not raised."""
        # As in event-tracking, a subclass or a test may replace either method.
        hands_out = getattr(self.send_to_backends, "__func__", None) is _SEND_TO_BACKENDS
        processes = getattr(self.process_event, "__func__", None) is _PROCESS_EVENT
        if self.processors or not processes or not hands_out:
            self._send_processed(event, hands_out)
        else:
            self._hand_out(event, False)
        if self._counters.unlogged:
            try:
                self._counters.log_losses()
            except Exception:
                # The stack is still full, or the memory: the next event logs them.
                return

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
                self._log_processor(processor, error)
                if getattr(processor, "fails_closed", False) is True:
                    raise EventEmissionExit("guard_failed") from error
            else:
                if processed is not None:
                    event = processed
        return event

    def send_to_backends(self, event: Event, /) -> None:
        """
        Hand *event* to every backend, unprocessed. Their errors are logged and counted.

        If a subclass overrides this method, `send` calls the override; events that do not
        reach this method are not counted as sent here.
        """
        self._hand_out(event, False)
        if self._counters.unlogged:
            try:
                self._counters.log_losses()
            except Exception:
                # As in `send`.
                return

    def flush(self, timeout: float | None = None) -> bool:
        """Send waiting events within *timeout* seconds; return whether none is left."""
        return self._finish("flush", timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Close the backends within *timeout* seconds; return whether no event was left."""
        return self._finish("close", timeout)

    def stats(self) -> BackendStats:
        """
        Return the router's own statistics, and those of its backends under `"backends"`.

        `filtered` and `lost` are the events that the processors here dropped. `sent` are
        those handed to the backends, whose own losses are in their own statistics.
        """
        sent = sum(count_of(handed.sent) for handed in self._handed)
        filtered = count_of(self._counters.filtered)
        lost = self._counters.lost()
        return {
            "accepted": sent + filtered + sum(lost.values()),
            "sent": sent,
            "pending": 0,
            "lost": lost,
            "filtered": filtered,
            "backends": {branch.name: branch.stats() for branch in self._current_plan().branches},
        }

    def __repr__(self) -> str:
        return f"<RoutingBackend backends={list(self.backends)} processors={self.processors!r}>"

    def _send_processed(self, event: Event, hands_out: bool) -> None:
        counters = self._counters
        try:
            own = copy_event(event)
            processed = self.process_event(own)
            if not hands_out:
                self.send_to_backends(processed)
        except EventEmissionExit as decision:
            reason = decision.reason
            is_lost = reason in LOSS_REASONS
            for _ in counters.losses[reason] if is_lost else counters.filtered:  # type: ignore[index]
                break
            counters.unlogged += ((self._log_loss, event, reason),) if is_lost else ()
        except Exception as error:
            # Not a processor's: the stack or the memory was too full to make the copy.
            for _ in counters.losses["backend_error"]:
                break
            counters.unlogged += ((self._log_loss, event, "backend_error", error),)
        except BaseException:
            # gevent's Timeout, a worker's SystemExit: passed on, but counted.
            for _ in counters.losses["backend_error"]:
                break
            raise
        else:
            if hands_out:
                self._hand_out(processed, processed is own)

    def _hand_out(self, event: Event, is_own: bool) -> None:
        """Hand *event* to every backend. If this raises an `Exception`, no backend got it."""
        plan = self._plan
        if plan.version is not self._backends.version:
            plan = self._new_plan()
        next(plan.handed.sent)
        for branch in plan.branches:
            try:
                # The last backend may keep a copy that was made here anyway.
                if branch.read_only or (is_own and branch is plan.branches[-1]):
                    branch.backend.send(event)
                else:
                    branch.backend.send(copy_event(event))
            except EventLost as error:
                reason = error.reason
                for _ in branch.counters.losses[
                    reason if reason in LOSS_REASONS else "backend_error"
                ]:
                    break
                self._counters.unlogged += ((branch.log_failure, event, error),)
            except Exception as error:
                for _ in branch.counters.losses["backend_error"]:
                    break
                self._counters.unlogged += ((branch.log_failure, event, error),)
            except BaseException:
                # As in `_send_processed`.
                plan.interrupt(branch)
                raise

    def _current_plan(self) -> _Plan:
        is_current = self._plan.version is self._backends.version
        return self._plan if is_current else self._new_plan()

    def _new_plan(self) -> _Plan:
        version = self._backends.version
        branches: dict[tuple[str, int], _Branch] = {}
        for name, backend in self._backends.entries():
            key = (name, id(backend))
            # setdefault: of two threads that meet a new backend at once, one adds its branch.
            branches[key] = self._branches.setdefault(key, _Branch(name, backend))
        removed = self._branches.keys() - branches.keys()
        # Unless another thread was faster: it may have added a backend that is removed here.
        if version is self._backends.version:
            for key in removed:
                self._branches.pop(key, None)
        handed = Counters()
        self._handed.append(handed)
        plan = _Plan(version, tuple(branches.values()), handed)
        for branch in plan.branches:
            branch.handed.append(handed)
        self._plan = plan
        return plan

    def _finish(self, method: str, timeout: float | None) -> bool:
        """Call *method* of every backend that has it, within *timeout* seconds in all."""
        deadline = None if timeout is None else time.monotonic() + timeout
        results = [
            branch.finish(method, deadline and max(0.0, deadline - time.monotonic()))
            for branch in self._current_plan().branches
        ]
        return all(results)

    def _log_loss(self, event: Event, reason: str, cause: Exception | None = None) -> None:
        number = self._throttle.due(("dropped", reason))
        if number is not None:
            message = 'Lost event "%s": %s%s'
            log_safely(
                logger.warning, message, _name_of(event), reason, _repeated(number), cause=cause
            )

    def _log_processor(self, processor: Processor, error: Exception) -> None:
        number = self._throttle.due(("processor", id(processor)))
        if number is not None:
            message = "Failed to execute processor: %s%s"
            log_safely(logger.error, message, processor, _repeated(number), cause=error)


_PROCESS_EVENT = RoutingBackend.process_event
_SEND_TO_BACKENDS = RoutingBackend.send_to_backends


class _LiveBackends(MutableMapping[str, Backend]):
    """The backends of a router by name, in order. Each change makes a new `version`."""

    def __init__(self, backends: Mapping[str, Backend] | None = None) -> None:
        self._backends = dict(backends or {})
        self.version = object()

    def __getitem__(self, name: str) -> Backend:
        return self._backends[name]

    def __setitem__(self, name: str, backend: Backend) -> None:
        self._backends[name] = backend
        self.version = object()

    def __delitem__(self, name: str) -> None:
        del self._backends[name]
        self.version = object()

    def __iter__(self) -> Iterator[str]:
        # Of a copy, made in one step: another thread may change the mapping meanwhile.
        return iter([*self._backends])

    def entries(self) -> list[tuple[str, Backend]]:
        """Return the names and backends, listed in one step for the same reason."""
        return [*self._backends.items()]

    def __len__(self) -> int:
        return len(self._backends)

    def __repr__(self) -> str:
        return repr(self._backends)


class _Branch:
    """One backend behind a router, with the router's own counters for it."""

    __slots__ = ("_throttle", "backend", "counters", "handed", "name", "read_only")

    def __init__(self, name: str, backend: Backend) -> None:
        self.name = name
        self.backend = backend
        # `is True`: a mock has every attribute, and each of them is truthy.
        self.read_only = _attribute(backend, "read_only") is True
        self.counters = Counters()
        self._throttle = LogThrottle()
        # One for each plan that the branch was part of: a plan counts for all its branches.
        self.handed: list[Counters] = []

    def finish(self, method: str, timeout: float | None) -> bool:
        """Flush or close the backend; a failure is logged and counts as not finished."""
        call = _attribute(self.backend, method)
        if not callable(call):
            return True
        try:
            return call_within(call, timeout) is not False
        except Exception as error:
            log_safely(logger.error, "Backend %s: %s() failed", self.name, method, cause=error)
            return False

    def stats(self) -> BackendStats:
        """Return the backend's own statistics, if it has any, with the errors of `send`."""
        raised = Counter(self.counters.lost())
        own = self._own_stats()
        if own is None:
            handed = sum(count_of(handed.sent) for handed in self.handed)
            sent = handed - raised.total()
            return {"accepted": handed, "sent": sent, "pending": 0, "lost": dict(raised)}
        lost = dict(raised + Counter(own["lost"]))
        return {**own, "accepted": own["accepted"] + raised.total(), "lost": lost}

    def log_failure(self, event: Event, error: Exception) -> None:
        """Log that `send` raised *error*, once a minute for each type of error."""
        number = self._throttle.due(type(error).__name__)
        if number is None:
            return
        if isinstance(error, NoTransformerImplemented | NoBackendEnabled):
            message = "[send_to_backends] %s: %s%s"
            log_safely(logger.info, message, self.name, error, _repeated(number))
            return
        message = 'Unable to send edx event "%s" to backend: %s%s'
        repeated = _repeated(number)
        log_safely(logger.error, message, _name_of(event), self.name, repeated, cause=error)

    def _own_stats(self) -> BackendStats | None:
        stats = _attribute(self.backend, "stats")
        if not callable(stats):
            return None
        try:
            own = stats()
        except Exception as error:
            log_safely(logger.error, "Backend %s: stats() failed", self.name, cause=error)
            return None
        return own if _are_stats(own) else None


class _Plan(NamedTuple):
    """The branches of a router at one version of its backends, and the events they were handed."""

    version: object
    branches: tuple[_Branch, ...]
    handed: Counters

    def interrupt(self, branch: _Branch) -> None:
        """Count an event as lost for *branch*, which was interrupted, and for all after it."""
        for missed in self.branches[self.branches.index(branch) :]:
            # A router that was interrupted has counted the event itself.
            if missed is not branch or not isinstance(branch.backend, RoutingBackend):
                next(missed.counters.losses["backend_error"])


def _attribute(backend: Backend, name: str) -> Any:
    """Return the attribute *name* of *backend*; `None` if there is none, or it fails."""
    try:
        return getattr(backend, name, None)
    except Exception as error:
        message = "Backend %s: reading %s failed"
        log_safely(logger.error, message, type(backend).__name__, name, cause=error)
        return None


def _are_stats(stats: Any) -> bool:
    """Return whether *stats* are complete, and can be added up."""
    if not isinstance(stats, dict) or not isinstance(lost := stats.get("lost"), Mapping):
        return False
    numbers = [stats.get(name) for name in ("accepted", "sent", "pending")]
    return all(isinstance(number, int) for number in (*numbers, *lost.values()))


def _name_of(event: Event) -> Any:
    return event.get("name") if isinstance(event, dict) else type(event)


def _repeated(number: int) -> str:
    return "" if number == 1 else f" ({number} times since the last such message)"
