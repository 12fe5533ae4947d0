"""The definitions of metrics, as the option `metrics` of `DatadogBackend` holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from typing import Any, NamedTuple

from eventtracking._imports import did_you_mean
from eventtracking._options import MAPPING, Options, Rule, one_of
from eventtracking.destinations.datadog.event_values import Path
from eventtracking.destinations.datadog.naming import is_tag_key, metric_name

KINDS = ("increment", "gauge", "histogram", "distribution", "timing")
"""The types of metrics. A `timing` is in milliseconds."""

_KEYS = ("event", "metric", "type", "value", "tags")

_EVENT_FIELDS = ("name", "data", "context", "timestamp")

# A first key this similar to a field of an event is treated as a misspelling of it.
_MISSPELLING = 0.75

_ANY = Rule("anything", lambda _: True)
_DEFINITION = Rule(f"a table with {', '.join(_KEYS)}", MAPPING.accepts)
_EVENT = Rule(
    "the name of events, such as 'shop.order.*'", lambda value: isinstance(value, str) and value
)
_METRIC = Rule(
    "a name such as 'orders', with an ASCII letter in it",
    lambda value: isinstance(value, str) and metric_name(value),
)
_KIND = one_of(*KINDS)
_PATH = Rule(
    "a path into the event, such as 'data.amount'",
    lambda value: isinstance(value, str) and all(value.split(".")),
)
_TAGS = Rule("a table such as {'mode': 'data.mode'}", MAPPING.accepts)
_TAG_KEY = Rule(
    "keys of a letter, then A-Z a-z 0-9 _ - . /",
    lambda value: isinstance(value, str) and is_tag_key(value),
)


class MetricDefinition(NamedTuple):
    """A metric, the events that it measures, and the values that it takes from them."""

    matches: Callable[[str], object]
    metric: str
    kind: str
    value: Path | None
    tags: tuple[tuple[str, Path], ...]


def check_metrics(options: Options, metrics: Any) -> list[Any]:
    """Return *metrics* as a list, and note every problem of each definition in *options*."""
    definitions = options.check_list("metrics", metrics, _ANY)
    for index, definition in enumerate(definitions):
        _check_definition(options, f"metrics[{index}]", definition)
    return definitions


def define_metric(definition: Mapping[str, Any], prefix: str) -> MetricDefinition:
    """Return the *definition*, which is valid, as a tuple. The metric gets the *prefix*."""
    value = definition.get("value")
    tags = definition.get("tags") or {}
    return MetricDefinition(
        matches=name_matcher([definition["event"]]),
        metric=prefixed(prefix, definition["metric"]),
        kind=definition["type"],
        value=None if value is None else tuple(value.split(".")),
        tags=tuple((key, tuple(path.split("."))) for key, path in tags.items()),
    )


def name_matcher(patterns: Iterable[str]) -> Callable[[str], object]:
    """Return a function that matches a name with any of *patterns*, which may hold `*` and `?`."""
    expressions = [translate(pattern) for pattern in patterns]
    # An empty alternative would match every name.
    return re.compile("|".join(expressions) if expressions else r"(?!)").match


def prefixed(prefix: str, name: str) -> str:
    """Return the name of a metric with *prefix*, without characters that Datadog rejects."""
    return metric_name(f"{prefix}.{name}" if prefix else name)


def _check_definition(options: Options, place: str, definition: Any) -> None:
    if not options.check(place, definition, _DEFINITION):
        return
    for key in definition:
        if key not in _KEYS:
            known = f"{place} has no key {key!r}, only {', '.join(_KEYS)}"
            options.problem(place, f"{known}.{_hint(key, _KEYS)}")
    options.check(f"{place}['event']", definition.get("event"), _EVENT)
    options.check(f"{place}['metric']", definition.get("metric"), _METRIC)
    kind, value = definition.get("type"), definition.get("value")
    if not _KIND.accepts(kind):
        options.refuse(f"{place}['type']", _KIND.expected, kind, hint=_hint(kind, KINDS))
    if value is not None:
        _check_path(options, f"{place}['value']", value)
    elif kind != "increment":
        cause = "only an increment needs no value"
        options.refuse(f"{place}['value']", _PATH.expected, value, cause=cause)
    _check_tags(options, f"{place}['tags']", definition.get("tags"))


def _check_tags(options: Options, place: str, tags: Any) -> None:
    if tags is None or not options.check(place, tags, _TAGS):
        return
    for key, path in tags.items():
        if not _TAG_KEY.accepts(key):
            options.problem(place, f"{place} must have {_TAG_KEY.expected}, got {key!r}")
        _check_path(options, f"{place}[{key!r}]", path)


def _check_path(options: Options, place: str, path: Any) -> None:
    if not options.check(place, path, _PATH):
        return
    field = path.split(".")[0]
    hint = did_you_mean(field, _EVENT_FIELDS, cutoff=_MISSPELLING)
    if field not in _EVENT_FIELDS and hint:
        options.refuse(place, "a path that begins with name, data or context", path, hint=hint)


def _hint(given: Any, known: Iterable[str]) -> str:
    return did_you_mean(given, known) if isinstance(given, str) else ""
