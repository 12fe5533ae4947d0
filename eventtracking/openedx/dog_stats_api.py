"""
Metrics for Datadog, as the Open edX platform once reported them. Deprecated.

The arguments are those of `dogapi` in the same order: `metric_name` (on the platform:
`metric`), `value`, `timestamp`, `tags`, `sample_rate`, `host`. A timer has no value and no
timestamp. Only the metric, the value and the tags are used: a metric always belongs to the
current time and to this host, and every call reports the full value. No function raises; a
metric that cannot be reported is logged.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from time import perf_counter
from typing import Any

from eventtracking.destinations.datadog.event_values import as_number
from eventtracking.destinations.datadog.naming import metric_name, tag
from eventtracking.openedx._backends import find_backend
from eventtracking.serialization import plain
from eventtracking.stats import LogThrottle, log_safely

logger = logging.getLogger(__name__)

_INSTEAD = (
    "is deprecated: emit an event and measure it with the metrics of DatadogBackend, "
    "or call datadog.statsd"
)

# The methods of a backend or a client that reports metrics.
_METHODS = ("increment", "gauge", "histogram")


def increment(
    metric: str = "",
    value: float = 1,
    *others: Any,
    tags: Iterable[str] | None = None,
    **named: Any,
) -> None:
    """Increase the counter *metric* by *value*."""
    _warn("increment")
    _report("increment", _metric(metric, named), value, _tags(tags, others))


def gauge(
    metric: str = "",
    value: float | None = None,
    *others: Any,
    tags: Iterable[str] | None = None,
    **named: Any,
) -> None:
    """Set the gauge *metric* to *value*."""
    _warn("gauge")
    _report("gauge", _metric(metric, named), value, _tags(tags, others))


def histogram(
    metric: str = "",
    value: float | None = None,
    *others: Any,
    tags: Iterable[str] | None = None,
    **named: Any,
) -> None:
    """Add *value* to the histogram *metric*."""
    _warn("histogram")
    _report("histogram", _metric(metric, named), value, _tags(tags, others))


def timer(
    metric: str = "", *others: Any, tags: Iterable[str] | None = None, **named: Any
) -> AbstractContextManager[None]:
    """
    Report the duration of a block, or of each call of a function, in seconds.

    It is reported as the histogram *metric*.

    Returns:
        A context manager that is also a decorator.
    """
    _warn("timer")
    return _timed(_metric(metric, named), _tags(tags, others))


@contextmanager
def _timed(metric: Any, tags: list[Any]) -> Iterator[None]:
    start = perf_counter()
    try:
        yield
    finally:
        _report("histogram", metric, perf_counter() - start, tags)


def _warn(name: str) -> None:
    warnings.warn(f"dog_stats_api.{name} {_INSTEAD}", DeprecationWarning, stacklevel=3)


# Every argument of dogapi is accepted, because an old call must not break a request.
def _metric(metric: Any, named: Mapping[str, Any]) -> Any:
    return named.get("metric_name", metric)


def _tags(tags: Any, others: Iterable[Any]) -> list[Any]:
    """Return *tags*, or the only list among the *others*, as a list."""
    if tags is None:
        tags = next((each for each in others if isinstance(each, list | tuple | set)), ())
    if isinstance(tags, str | bytes):
        return [tags]
    return [*tags] if isinstance(tags, Iterable) else []


def _report(kind: str, metric: Any, value: Any, tags: list[Any]) -> None:
    # The client does not escape names, and a line break would end the metric.
    name, found = metric_name(metric) if isinstance(metric, str) else "", as_number(value)
    if not name or found is None:
        if _throttle.due(metric if isinstance(metric, str) else type(metric).__name__) is not None:
            log_safely(logger.warning, "%s is not reported: it needs a name and a number", metric)
        return
    target = find_backend(_reports_metrics) or _client()
    if target is not None:
        cleaned = [kept for each in tags if (kept := tag(str(plain(each))))]
        getattr(target, kind)(name, found, tags=cleaned)


def _reports_metrics(backend: Any) -> bool:
    return all(callable(getattr(backend, method, None)) for method in _METHODS)


def _client() -> Any:
    """Return the client that the application configured with `datadog.initialize`."""
    try:
        return import_module("datadog").statsd
    except ModuleNotFoundError:
        if _throttle.due("client") is not None:
            logger.warning(
                "No client for Datadog is installed: metrics are dropped. "
                "Run: pip install 'eventtracking[datadog]'"
            )
        return None


_throttle = LogThrottle()
