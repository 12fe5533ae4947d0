"""The options of the collector, and the errors if they are wrong."""

import inspect

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.web import asgi, wsgi
from eventtracking.web.collector import Collector
from eventtracking.web.options import CollectorOptions

LIMITS = [
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


@pytest.mark.parametrize("option", LIMITS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "100", None, True])
def test_a_limit_is_a_whole_number_from_1(option, value):
    """Anything else would refuse every request, or none."""
    message = rf"^Collector: {option} must be a whole number( of \w+)?, 1 or more, got {value!r}$"
    with pytest.raises(ImproperlyConfigured, match=message):
        Collector(**{option: value})


@pytest.mark.parametrize("rate", [0, -1, "20", True, float("inf"), float("nan")])
def test_a_rate_is_a_number_above_0_or_none(rate):
    """`None` means no limit."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: rate must be a number above 0"):
        Collector(rate=rate)


@pytest.mark.parametrize("prefixes", ["edx.", b"edx.", 5, [5], [""], [" "]])
def test_reserved_prefixes_are_a_list_of_texts(prefixes):
    """An empty prefix would reserve every name."""
    message = r"^Collector: reserved_prefixes( must be a list|\[0\] must be text such as 'edx\.')"
    with pytest.raises(ImproperlyConfigured, match=message):
        Collector(reserved_prefixes=prefixes)


def test_page_close_by_get_is_true_or_false():
    """Any text would be true."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: page_close_by_get must be true"):
        Collector(page_close_by_get="no")


@pytest.mark.parametrize("module", [wsgi, asgi])
def test_an_unknown_option_is_an_error(module):
    """Of the collector and of its middleware."""
    with pytest.raises(TypeError, match="max_evnts"):
        Collector(max_evnts=5)
    with pytest.raises(ImproperlyConfigured) as raised:
        module.CollectorMiddleware(None, "event", max_evnts=5, burst=0)

    assert [line.split(", got ")[0] for line in str(raised.value).splitlines()] == [
        "CollectorMiddleware: path must be a path such as '/event'",
        "CollectorMiddleware has no option 'max_evnts'. Did you mean 'max_events'?",
        "CollectorMiddleware: burst must be a whole number of requests, 1 or more",
    ]


def test_the_options_of_the_middleware_are_typed():
    """The type has the same options as the collector, in the same order."""
    assert [*inspect.signature(Collector).parameters] == [*CollectorOptions.__annotations__]


@pytest.mark.parametrize("module", [wsgi, asgi])
@pytest.mark.parametrize("path", ["event", "/event/", "/", "", None, 5])
def test_the_path_of_the_middleware_is_the_path_of_a_url(module, path):
    """Without a slash at the end."""
    message = r"^CollectorMiddleware: path must be a path such as '/event', got "
    with pytest.raises(ImproperlyConfigured, match=message):
        module.CollectorMiddleware(None, path=path)


def test_all_wrong_options_are_reported_in_the_order_of_the_signature():
    """One error has a line for each."""
    wrong = {
        "allowed_origins": ["*"],
        "rate": 0,
        "max_events": 0,
        "reserved_prefixes": "edx.",
        "max_depth": None,
        "gpc": "on",
        "duplicates_path": "",
    }
    with pytest.raises(ImproperlyConfigured) as raised:
        Collector(**wrong)

    assert [name for name, _ in raised.value.options] == ["allowed_origins[0]", *[*wrong][1:]]


@pytest.mark.parametrize("module", [wsgi, asgi])
def test_the_middleware_reports_the_options_of_the_collector_as_its_own(module):
    """Together with its path."""
    with pytest.raises(ImproperlyConfigured) as raised:
        module.CollectorMiddleware(None, path="event", burst=0)

    assert str(raised.value).splitlines() == [
        "CollectorMiddleware: path must be a path such as '/event', got 'event'",
        "CollectorMiddleware: burst must be a whole number of requests, 1 or more, got 0",
    ]
