"""The table that turns events into metrics, as it stands in the settings, and read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import translate
from typing import Any, NamedTuple

from eventtracking._imports import did_you_mean
from eventtracking.destinations.datadog.names import is_tag_key, metric_name
from eventtracking.destinations.datadog.values import Path
from eventtracking.exceptions import ImproperlyConfigured

KINDS = ("increment", "gauge", "histogram", "distribution", "timing")
"""What a metric may be. A `timing` is in milliseconds."""

_KEYS = ("event", "metric", "type", "value", "tags")

_FIELDS = ("name", "data", "context", "timestamp")

# A first key this near to a field of every event was meant to be that field.
_ALMOST_THE_SAME = 0.75


class Row(NamedTuple):
    """One metric: which events count, and what of them."""

    matches: Callable[[str], object]
    metric: str
    kind: str
    value: Path | None
    tags: tuple[tuple[str, Path], ...]


def read(who: str, metrics: Any, prefix: str) -> tuple[Row, ...]:
    """
    Return the rows of the option `metrics` of the class *who*.

    Raises:
        ImproperlyConfigured: If anything in it is wrong, with a line for each such thing.
    """
    if isinstance(metrics, str | bytes | Mapping) or not isinstance(metrics, Iterable):
        raise ImproperlyConfigured(f"{who}: metrics must be a list of tables, got {metrics!r}")
    listed = [*metrics]
    problems = [
        f"{who}: metrics[{number}]{problem}"
        for number, row in enumerate(listed)
        for problem in _problems(row)
    ]
    if problems:
        raise ImproperlyConfigured("\n".join(problems))
    return tuple(_row(row, prefix) for row in listed)


def globs(who: str, option: str, names: Any) -> Callable[[str], object]:
    """
    Return what tells whether a name matches one of *names*, with the wildcards of a shell.

    Raises:
        ImproperlyConfigured: If the *option* of the class *who* is not a list of names.
    """
    if isinstance(names, str | bytes | Mapping) or not isinstance(names, Iterable):
        raise ImproperlyConfigured(f"{who}: {option} must be a list of names, got {names!r}")
    listed = [*names]
    for name in listed:
        if not isinstance(name, str) or not name:
            raise ImproperlyConfigured(f"{who}: {option} must hold names, got {name!r}")
    return re.compile("|".join(map(translate, listed)) if listed else r"(?!)").match


def prefixed(prefix: str, name: str) -> str:
    """Return the name of a metric under *prefix*, cleaned."""
    return metric_name(f"{prefix}.{name}" if prefix else name)


def _row(row: Mapping[str, Any], prefix: str) -> Row:
    value = row.get("value")
    tags = row.get("tags") or {}
    return Row(
        matches=re.compile(translate(row["event"])).match,
        metric=prefixed(prefix, row["metric"]),
        kind=row["type"],
        value=None if value is None else tuple(value.split(".")),
        tags=tuple((key, tuple(path.split("."))) for key, path in tags.items()),
    )


def _problems(row: Any) -> Iterator[str]:
    """Yield what is wrong with *row*, beginning with the key it is about."""
    if not isinstance(row, Mapping):
        yield f" must be a table with {', '.join(_KEYS)}, got {row!r}"
        return
    for key in row:
        if key not in _KEYS:
            yield f" has no key {key!r}; it may have {', '.join(_KEYS)}.{_hint(key, _KEYS)}"
    yield from _of_event(row.get("event"))
    yield from _of_metric(row.get("metric"))
    kind, value = row.get("type"), row.get("value")
    if kind not in KINDS:
        yield f"['type'] must be one of {', '.join(KINDS)}, got {kind!r}.{_hint(kind, KINDS)}"
    if value is not None:
        yield from _of_path("['value']", value)
    elif kind != "increment":
        yield f"['value'] must be a path such as 'data.amount' for a {kind}, got None"
    yield from _of_tags(row.get("tags"))


def _of_event(event: Any) -> Iterator[str]:
    if not isinstance(event, str) or not event:
        yield f"['event'] must be the name of events, such as 'shop.order.*', got {event!r}"


def _of_metric(metric: Any) -> Iterator[str]:
    if not isinstance(metric, str) or not metric_name(metric):
        yield f"['metric'] must be a name such as 'orders', with a letter in it, got {metric!r}"


def _of_tags(tags: Any) -> Iterator[str]:
    if tags is None:
        return
    if not isinstance(tags, Mapping):
        yield f"['tags'] must be a table such as {{'mode': 'data.mode'}}, got {tags!r}"
        return
    for key, path in tags.items():
        if not isinstance(key, str) or not is_tag_key(key):
            yield f"['tags'] must have keys of a letter, then A-Z a-z 0-9 _ - . /, got {key!r}"
        yield from _of_path(f"['tags'][{key!r}]", path)


def _of_path(place: str, path: Any) -> Iterator[str]:
    if not isinstance(path, str) or not all(path.split(".")):
        yield f"{place} must be a path into the event such as 'data.amount', got {path!r}"
        return
    first = path.split(".")[0]
    hint = did_you_mean(first, _FIELDS, cutoff=_ALMOST_THE_SAME)
    if first not in _FIELDS and hint:
        yield f"{place} must lead into name, data or context, got {path!r}.{hint}"


def _hint(given: Any, known: tuple[str, ...]) -> str:
    return did_you_mean(given, known) if isinstance(given, str) else ""
