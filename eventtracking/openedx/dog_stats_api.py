"""Metrics by hand, as the Open edX platform once reported them to Datadog. Deprecated."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from time import perf_counter
from typing import Any

from eventtracking import tracker
from eventtracking._datadog.names import metric_name, tag
from eventtracking._datadog.values import number
from eventtracking.stats import Notices

logger = logging.getLogger(__name__)

_INSTEAD = (
    "is deprecated: emit an event and measure it with the metrics of DatadogBackend, "
    "or call datadog.statsd"
)


def increment(metric: str, value: float = 1, tags: Iterable[str] | None = None) -> None:
    """Add *value* to the counter *metric*."""
    _warn("increment")
    _report("increment", metric, value, tags)


def gauge(metric: str, value: float, tags: Iterable[str] | None = None) -> None:
    """Set the gauge *metric* to *value*."""
    _warn("gauge")
    _report("gauge", metric, value, tags)


def histogram(metric: str, value: float, tags: Iterable[str] | None = None) -> None:
    """Add *value* to the histogram *metric*."""
    _warn("histogram")
    _report("histogram", metric, value, tags)


def timer(metric: str, tags: Iterable[str] | None = None) -> AbstractContextManager[None]:
    """
    Measure a block, or each call of a function, in seconds, as the histogram *metric*.

    Returns:
        A context manager that is a decorator as well.
    """
    _warn("timer")
    return _timed(metric, None if tags is None else [*tags])


@contextmanager
def _timed(metric: str, tags: list[str] | None) -> Iterator[None]:
    start = perf_counter()
    try:
        yield
    finally:
        _report("histogram", metric, perf_counter() - start, tags)


def _warn(name: str) -> None:
    warnings.warn(f"dog_stats_api.{name} {_INSTEAD}", DeprecationWarning, stacklevel=3)


def _report(kind: str, metric: str, value: float, tags: Iterable[str] | None) -> None:
    # The client takes a name as it is, and a line break in it for the end of the line.
    name, found = metric_name(metric), number(value)
    if not name or found is None:
        if _notices.due(metric) is not None:
            Notices.say(logger.warning, "%s is not reported: it needs a name and a number", metric)
        return
    registered = tracker.TRACKERS.get(tracker.DEFAULT_TRACKER_NAME)
    target = next(_measuring_backends(registered), None) or _client()
    if target is not None:
        cleaned = [kept for each in tags or () if (kept := tag(each))]
        getattr(target, kind)(name, found, tags=cleaned)


def _measuring_backends(router: Any) -> Iterator[Any]:
    """Yield the backends behind *router*, at any depth, that measure."""
    for backend in [*getattr(router, "backends", {}).values()]:
        if all(callable(getattr(backend, kind, None)) for kind in ("increment", "histogram")):
            yield backend
        elif isinstance(getattr(backend, "backends", None), Mapping):
            yield from _measuring_backends(backend)


def _client() -> Any:
    """Return the client that the application configured by `datadog.initialize`."""
    try:
        return import_module("datadog").statsd
    except ModuleNotFoundError:
        if _notices.due("client") is not None:
            logger.warning(
                "There is no client for Datadog: metrics are dropped. "
                "Run: pip install 'eventtracking[datadog]'"
            )
        return None


_notices = Notices()
