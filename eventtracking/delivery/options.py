"""The options of every backend that sends over a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, cast, get_args, get_type_hints

from eventtracking._imports import import_string
from eventtracking._options import PATH, Options, Rule, number, one_of, optional, whole_number
from eventtracking.delivery.destination import Limits
from eventtracking.delivery.losses import OnLoss

OnFull = Literal["drop_newest", "drop_oldest", "block"]

# With this many events in a batch, the cost of the request is small compared to theirs.
_BATCH_EVENTS = 500

_DURATION = number(0, unit="seconds")
# Neither a request nor an event can be over in no time.
_POSITIVE_DURATION = number(0.001, unit="seconds")

_CALLBACK = Rule(
    "a callable, the dotted path of one, or None",
    lambda value: value is None or callable(value) or isinstance(value, str),
)


class _Option(NamedTuple):
    """The default of an option, and its rule, which may depend on the destination's limits."""

    default: Any
    rule: Rule | Callable[[Limits], Rule]

    def __repr__(self) -> str:
        # The documentation shows it.
        return f"default({self.default!r})"


def _at_most(limit: str) -> Callable[[Limits], Rule]:
    """Return the rule of a number that may not exceed the destination's *limit*, a field of it."""
    return lambda limits: optional(whole_number(1, getattr(limits, limit)))


class DeliveryOptions(TypedDict, total=False):
    """The options of delivery. Every backend that sends over a network has them."""

    outbox: Annotated[str | os.PathLike[str] | None, _Option(None, optional(PATH))]
    """A folder in which events wait until they are delivered, and so outlive the process.
    `None`: they wait in memory."""

    batch_events: Annotated[int | None, _Option(None, _at_most("batch_events"))]
    """The most events in one request. `None`: 500, or the destination's limit if that is less."""

    batch_bytes: Annotated[int | None, _Option(None, _at_most("batch_bytes"))]
    """The most bytes of events in one request. `None`: the destination's limit."""

    flush_interval: Annotated[float, _Option(1.0, _DURATION)]
    """Seconds that an event waits for others to fill a batch."""

    timeout: Annotated[float, _Option(15.0, _POSITIVE_DURATION)]
    """Seconds that one request may take, from connecting to the last byte of the response."""

    max_pending_events: Annotated[int, _Option(100_000, whole_number(1))]
    """The most events that may wait in memory."""

    max_pending_bytes: Annotated[int, _Option(100_000_000, whole_number(1))]
    """The most bytes of events that may wait in memory."""

    max_outbox_bytes: Annotated[int, _Option(512_000_000, whole_number(1))]
    """The size of the outbox folder. Each process may exceed it by one file."""

    max_age: Annotated[float | None, _Option(None, optional(_POSITIVE_DURATION))]
    """Seconds after which an undelivered event is dropped, counted as `expired`. `None`: never."""

    on_full: Annotated[OnFull, _Option("drop_newest", one_of(*get_args(OnFull)))]
    """What to do when there is no room. `"block"` makes `emit` wait for room, for up to
    `block_timeout` seconds."""

    block_timeout: Annotated[float, _Option(1.0, _DURATION)]
    """Seconds that `emit` may wait for room if `on_full` is `"block"`."""

    exit_timeout: Annotated[float, _Option(2.0, _DURATION)]
    """Seconds that the end of the program may wait for events to be delivered."""

    on_loss: Annotated[OnLoss | str | None, _Option(None, _CALLBACK)]
    """A callable, or its dotted path, called with the id, the name and the reason of each
    event that is lost."""


_OPTIONS: dict[str, _Option] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(DeliveryOptions, include_extras=True).items()
}


def check_delivery_options(options: Options, given: Mapping[str, Any], limits: Limits) -> None:
    """
    Note in *options* a problem for each of the delivery options *given* that is wrong.

    A backend that has options of its own checks these too, and reports all in one error:

        options = Options("PartnerBackend")
        options.check("key", key, NON_EMPTY_TEXT)
        check_delivery_options(options, delivery, PartnerDestination.limits)
        options.raise_problems()

    Args:
        options: Collects the problems.
        given: The keyword arguments that the backend passes on to `NetworkBackend`.
        limits: The limits of the destination.
    """
    for name, option in _OPTIONS.items():
        if name in given:
            rule = option.rule
            options.check(name, given[name], rule if isinstance(rule, Rule) else rule(limits))
    if isinstance(given.get("on_loss"), str):
        options.parse("on_loss", given["on_loss"], _imported, _CALLBACK.expected)
    options.check_known(given, _OPTIONS)


def complete(given: DeliveryOptions) -> DeliveryOptions:
    """Return all options: those *given*, which are valid, and the defaults of the others."""
    completed: dict[str, Any] = {name: option.default for name, option in _OPTIONS.items()}
    completed |= given
    if isinstance(completed["on_loss"], str):
        completed["on_loss"] = _imported(completed["on_loss"])
    return cast(DeliveryOptions, completed)


def batch_limits(options: DeliveryOptions, limits: Limits) -> Limits:
    """Return the limits of a batch: those of *options*, or else of the destination."""
    events = options["batch_events"] or min(_BATCH_EVENTS, limits.batch_events)
    return Limits(events, options["batch_bytes"] or limits.batch_bytes, limits.event_bytes)


def _imported(path: str) -> Any:
    found = import_string(path)
    if not callable(found):
        raise TypeError(f"it is a {type(found).__name__}")
    return found
