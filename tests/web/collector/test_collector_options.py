"""The options of the collector: what they may be, and that a slip is explained."""

import inspect

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.web import asgi, wsgi
from eventtracking.web.collector import Collector
from eventtracking.web.options import CollectorOptions

NUMBERS = [
    "max_body_bytes",
    "max_expanded_bytes",
    "max_events",
    "max_event_bytes",
    "max_depth",
    "max_values",
    "max_name_characters",
    "burst",
    "duplicates",
]


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "100", None, True])
def test_a_limit_is_a_whole_number_above_0(option, value):
    """Otherwise everything would be refused, or nothing."""
    message = rf"^Collector: {option} must be a whole number above 0, got {value!r}$"
    with pytest.raises(ImproperlyConfigured, match=message):
        Collector(**{option: value})


@pytest.mark.parametrize("rate", [0, -1, "20", True, float("inf"), float("nan")])
def test_a_rate_is_a_number_above_0_or_none(rate):
    """`None` is how to have no limit."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: rate must be a number above 0"):
        Collector(rate=rate)


@pytest.mark.parametrize("prefixes", ["edx.", b"edx.", 5, [5], [""], [" "]])
def test_reserved_prefixes_are_a_list_of_texts(prefixes):
    """An empty one would reserve every name."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: reserved_prefixes must be a list"):
        Collector(reserved_prefixes=prefixes)


def test_page_close_by_get_is_true_or_false():
    """Text would always be true."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: page_close_by_get must be true"):
        Collector(page_close_by_get="no")


@pytest.mark.parametrize("door", [wsgi, asgi])
def test_an_option_that_does_not_exist_is_an_error(door):
    """At the collector and at its doors."""
    with pytest.raises(TypeError, match="max_evnts"):
        Collector(max_evnts=5)
    with pytest.raises(TypeError, match="max_evnts"):
        door.CollectorMiddleware(None, max_evnts=5)


def test_the_doors_take_every_option():
    """What is typed for them is what there is."""
    assert [*inspect.signature(Collector).parameters] == [*CollectorOptions.__annotations__]


@pytest.mark.parametrize("door", [wsgi, asgi])
@pytest.mark.parametrize("path", ["event", "/event/", "/", "", None, 5])
def test_a_door_has_a_path(door, path):
    """One that a request can have."""
    with pytest.raises(ImproperlyConfigured, match=r"^CollectorMiddleware: path must be text such"):
        door.CollectorMiddleware(None, path=path)
