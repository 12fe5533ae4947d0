"""
Metrics by hand, as the Open edX platform once reported them to Datadog. Deprecated.

The arguments are those of `dogapi`, in its order: `metric_name`, or `metric` as the platform
had it, `value`, `timestamp`, `tags`, `sample_rate`, `host`; a timer has no value and no
timestamp. Only metric, value and tags count. A metric is of now, of this host, and reported
with its whole value at each call, whatever `sample_rate` says. Nothing is raised: what
cannot be reported is logged.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from time import perf_counter
from typing import Any

from eventtracking import tracker
from eventtracking.destinations.datadog.event_values import as_number
from eventtracking.destinations.datadog.naming import metric_name, tag
from eventtracking.serialization import plain
from eventtracking.stats import LogThrottle, log_safely

logger = logging.getLogger(__name__)

_INSTEAD = (
    "is deprecated: emit an event and measure it with the metrics of DatadogBackend, "
    "or call datadog.statsd"
)

# What a target has to have.
_KINDS = ("increment", "gauge", "histogram")


def increment(
    metric: str = "",
    value: float = 1,
    *others: Any,
    tags: Iterable[str] | None = None,
    **named: Any,
) -> None:
    """Add *value* to the counter *metric*."""
    _warn("increment")
    _report("increment", _called(metric, named), value, _listed(tags, others))


def gauge(
    metric: str = "",
    value: float | None = None,
    *others: Any,
    tags: Iterable[str] | None = None,
    **named: Any,
) -> None:
    """Set the gauge *metric* to *value*."""
    _warn("gauge")
    _report("gauge", _called(metric, named), value, _listed(tags, others))


def histogram(
    metric: str = "",
    value: float | None = None,
    *others: Any,
    tags: Iterable[str] | None = None,
    **named: Any,
) -> None:
    """Add *value* to the histogram *metric*."""
    _warn("histogram")
    _report("histogram", _called(metric, named), value, _listed(tags, others))


def timer(
    metric: str = "", *others: Any, tags: Iterable[str] | None = None, **named: Any
) -> AbstractContextManager[None]:
    """
    Measure a block, or each call of a function, in seconds, as the histogram *metric*.

    Returns:
        A context manager that is a decorator as well.
    """
    _warn("timer")
    return _timed(_called(metric, named), _listed(tags, others))


@contextmanager
def _timed(metric: Any, tags: list[Any]) -> Iterator[None]:
    start = perf_counter()
    try:
        yield
    finally:
        _report("histogram", metric, perf_counter() - start, tags)


def _warn(name: str) -> None:
    warnings.warn(f"dog_stats_api.{name} {_INSTEAD}", DeprecationWarning, stacklevel=3)


# Whatever dogapi took is taken: old calls must not end a request.
def _called(metric: Any, named: Mapping[str, Any]) -> Any:
    return named.get("metric_name", metric)


def _listed(tags: Any, others: Iterable[Any]) -> list[Any]:
    """Return *tags*, or the first list among the *others*: only tags are one."""
    if tags is None:
        tags = next((each for each in others if isinstance(each, list | tuple | set)), ())
    if isinstance(tags, str | bytes):
        return [tags]
    return [*tags] if isinstance(tags, Iterable) else []


def _report(kind: str, metric: Any, value: Any, tags: list[Any]) -> None:
    # The client takes a name as it is, and a line break in it for the end of the line.
    name, found = metric_name(metric) if isinstance(metric, str) else "", as_number(value)
    if not name or found is None:
        if _throttle.due(metric if isinstance(metric, str) else type(metric).__name__) is not None:
            log_safely(logger.warning, "%s is not reported: it needs a name and a number", metric)
        return
    registered = tracker.TRACKERS.get(tracker.DEFAULT_TRACKER_NAME)
    target = next(_measuring_backends(registered), None) or _client()
    if target is not None:
        cleaned = [kept for each in tags if (kept := tag(str(plain(each))))]
        getattr(target, kind)(name, found, tags=cleaned)


def _measuring_backends(router: Any) -> Iterator[Any]:
    """Yield the backends behind *router*, at any depth, that measure."""
    for backend in [*getattr(router, "backends", {}).values()]:
        if all(callable(getattr(backend, kind, None)) for kind in _KINDS):
            yield backend
        elif isinstance(getattr(backend, "backends", None), Mapping):
            yield from _measuring_backends(backend)


def _client() -> Any:
    """Return the client that the application configured by `datadog.initialize`."""
    try:
        return import_module("datadog").statsd
    except ModuleNotFoundError:
        if _throttle.due("client") is not None:
            logger.warning(
                "There is no client for Datadog: metrics are dropped. "
                "Run: pip install 'eventtracking[datadog]'"
            )
        return None


_throttle = LogThrottle()
