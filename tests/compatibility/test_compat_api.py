"""Compatibility: the import paths, signatures and constants of event-tracking."""

import inspect
from importlib import import_module

import pytest

EMPTY = inspect.Parameter.empty

SIGNATURES = [
    ("tracker.Tracker", {"backends": None, "context_locator": None, "processors": None}),
    ("tracker.Tracker.emit", {"name": None, "data": None}),
    ("tracker.Tracker.resolve_context", {}),
    ("tracker.Tracker.enter_context", {"name": EMPTY, "ctx": EMPTY}),
    ("tracker.Tracker.exit_context", {"name": EMPTY}),
    ("tracker.Tracker.context", {"name": EMPTY, "ctx": EMPTY}),
    ("tracker.Tracker.get_backend", {"name": EMPTY}),
    ("tracker.register_tracker", {"tracker": EMPTY, "name": "default"}),
    ("tracker.get_tracker", {"name": "default"}),
    ("tracker.emit", {"name": None, "data": None}),
    ("locator.DefaultContextLocator", {}),
    ("locator.ThreadLocalContextLocator", {}),
    ("backends.routing.RoutingBackend", {"backends": None, "processors": None}),
    ("backends.routing.RoutingBackend.register_backend", {"name": EMPTY, "backend": EMPTY}),
    ("backends.routing.RoutingBackend.register_processor", {"processor": EMPTY}),
    ("backends.routing.RoutingBackend.send", {"event": EMPTY}),
    ("backends.routing.RoutingBackend.process_event", {"event": EMPTY}),
    ("backends.routing.RoutingBackend.send_to_backends", {"event": EMPTY}),
    ("processors.whitelist.NameWhitelistProcessor", {"whitelist": None}),
]

VALUES = [
    ("tracker.UNKNOWN_EVENT_TYPE", "unknown"),
    ("tracker.DEFAULT_TRACKER_NAME", "default"),
    ("backends.logger.MAX_EVENT_SIZE", 1024),
    ("processors.regex_filter.ALLOWLIST", "allowlist"),
    ("processors.regex_filter.BLOCKLIST", "blocklist"),
]

EXCEPTIONS = [
    "exceptions.ImproperlyConfigured",
    "processors.exceptions.EventEmissionExit",
    "processors.exceptions.NoBackendEnabled",
    "processors.exceptions.NoTransformerImplemented",
]


def find(path):
    """Return the object at the dotted *path* below the package."""
    parts = path.split(".")
    modules = 1 if parts[0] in ("tracker", "locator", "exceptions") else 2
    found = import_module(".".join(["eventtracking", *parts[:modules]]))
    for part in parts[modules:]:
        found = getattr(found, part)
    return found


def positional(function):
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self" and parameter.kind in (0, 1)
    }


@pytest.mark.parametrize(("path", "expected"), SIGNATURES, ids=[path for path, _ in SIGNATURES])
def test_positional_arguments_and_defaults_are_the_documented_ones(path, expected):
    """Existing calls keep working, by position and with defaults."""
    assert positional(find(path)) == expected


@pytest.mark.parametrize(("path", "expected"), VALUES, ids=[path for path, _ in VALUES])
def test_constants_keep_their_values(path, expected):
    """Application code compares with them, and settings repeat them."""
    assert find(path) == expected


@pytest.mark.parametrize("path", EXCEPTIONS)
def test_exceptions_can_be_imported_from_their_documented_modules(path):
    """Processors and applications import them to raise and to catch them."""
    assert issubclass(find(path), Exception)


def test_the_three_signals_of_processors_are_siblings():
    """Catching one of the exceptions never catches another."""
    signals = [find(path) for path in EXCEPTIONS[1:]]

    assert [signal.__bases__ for signal in signals] == [(Exception,)] * 3


def test_the_regex_filter_takes_its_two_options_by_position():
    """`RegexFilter('blocklist', [...])` works; newer options are keyword-only."""
    found = positional(find("processors.regex_filter.RegexFilter"))

    assert found == {"filter_type": "allowlist", "regular_expressions": None}


def test_the_registry_is_a_plain_dict():
    """Applications read and change `TRACKERS`."""
    assert type(find("tracker.TRACKERS")) is dict


def test_the_json_encoder_can_be_imported_from_the_logger_backend():
    """event-tracking defines `DateTimeJSONEncoder` in that module."""
    encoder = find("backends.logger.DateTimeJSONEncoder")

    assert encoder is import_module("eventtracking.serialization").DateTimeJSONEncoder


def test_the_version_is_a_string():
    """Bug reports quote `eventtracking.__version__`."""
    assert isinstance(import_module("eventtracking").__version__, str)
