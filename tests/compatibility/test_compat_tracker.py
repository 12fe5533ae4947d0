"""Compatibility: names, data, contexts and the registry of trackers."""

from datetime import UTC, datetime
from unittest import mock

import pytest
from core_fakes import FailingBackend, RecordingBackend, drop

from eventtracking.tracker import (
    TRACKERS,
    Tracker,
    emit,
    get_tracker,
    register_tracker,
)


@pytest.fixture
def kept():
    return RecordingBackend()


@pytest.fixture
def tracker(kept):
    return Tracker({"kept": kept})


def test_an_event_has_exactly_four_keys(tracker, kept):
    """They are name, timestamp, data and context; no id, host or version is added."""
    tracker.emit("book.opened", {"page": 1})
    (event,) = kept.events

    assert sorted(event) == ["context", "data", "name", "timestamp"]


def test_the_timestamp_is_aware_and_in_utc(tracker, kept):
    """It is the time at which the event was emitted."""
    before = datetime.now(UTC)
    tracker.emit("book.opened")
    stamp = kept.events[0]["timestamp"]

    assert before <= stamp <= datetime.now(UTC)
    assert stamp.utcoffset().total_seconds() == 0


def test_the_clock_can_be_patched(tracker, kept):
    """Applications freeze time by replacing `eventtracking.tracker.datetime`."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    with mock.patch("eventtracking.tracker.datetime") as clock:
        clock.now.return_value = noon
        tracker.emit("book.opened")

    assert kept.events[0]["timestamp"] is noon


@pytest.mark.parametrize("name", [None, "", 0, b"", ()])
def test_an_empty_name_becomes_unknown(tracker, kept, name):
    """Every false value counts as empty."""
    tracker.emit(name)

    assert kept.events[0]["name"] == "unknown"


@pytest.mark.parametrize("name", ["a.b.c", 5, b"bytes", ("a", "b")])
def test_any_other_name_is_passed_on_unchanged(tracker, kept, name):
    """It may have any type."""
    tracker.emit(name)

    assert kept.events[0]["name"] == name


@pytest.mark.parametrize("data", [None, 0, "", [], (), False, {}])
def test_empty_data_becomes_an_empty_dict(tracker, kept, data):
    """Every false value counts as empty."""
    tracker.emit("a", data)

    assert kept.events[0]["data"] == {}


@pytest.mark.parametrize("data", ["abc", [1], 5, True, {"k": "v"}])
def test_any_other_data_is_passed_on_unchanged(tracker, kept, data):
    """It need not be a dict."""
    tracker.emit("a", data)

    assert kept.events[0]["data"] == data


def test_emit_without_arguments_is_an_unknown_event_without_data(tracker, kept):
    """Both arguments are optional."""
    assert tracker.emit() is None
    assert (kept.events[0]["name"], kept.events[0]["data"]) == ("unknown", {})


@pytest.mark.parametrize("options", [{"backends": {"a": FailingBackend(OSError())}}])
def test_errors_of_backends_and_processors_never_reach_the_caller(options):
    """`emit` returns as usual."""
    tracker = Tracker(processors=[lambda event: 1 / 0], **options)

    assert tracker.emit("a") is None


def test_the_arguments_may_be_given_by_position():
    """Their order is backends, locator, processors."""
    kept, locator = RecordingBackend(), mock.Mock(get=lambda: {"one": {"k": 1}})
    tracker = Tracker({"kept": kept}, locator, [drop])
    tracker.emit("a")

    assert tracker.context_locator is locator
    assert tracker.processors == [drop]
    assert kept.events == []


def test_the_router_its_backends_and_its_processors_are_public(tracker, kept):
    """Applications use these names."""
    assert tracker.get_backend("kept") is kept
    assert tracker.backends is tracker.routing_backend.backends
    assert tracker.processors is tracker.routing_backend.processors
    assert dict(tracker.backends) == {"kept": kept}


def test_an_unknown_backend_is_a_key_error(tracker):
    """`get_backend` behaves like a dict."""
    with pytest.raises(KeyError):
        tracker.get_backend("missing")


def test_contexts_are_merged_in_the_order_of_entering(tracker):
    """A later context wins, and its nested dicts replace earlier ones as a whole."""
    tracker.enter_context("process", {"host": "web1", "app": {"v": 1}})
    tracker.enter_context("request", {"user_id": 7, "app": {"build": 9}})

    assert tracker.resolve_context() == {"host": "web1", "user_id": 7, "app": {"build": 9}}


def test_contexts_can_be_left_in_any_order(tracker):
    """The facts of the remaining contexts are still there."""
    tracker.enter_context("outer", {"k": 1, "only": 1})
    tracker.enter_context("inner", {"k": 2})
    tracker.exit_context("outer")

    assert tracker.resolve_context() == {"k": 2}


def test_a_context_that_is_entered_again_keeps_its_place(tracker):
    """Its value is new, but `b` was first entered after `a` and still wins."""
    tracker.enter_context("a", {"k": 1})
    tracker.enter_context("b", {"k": 2})
    tracker.enter_context("a", {"k": 3, "z": 1})

    assert tracker.resolve_context() == {"k": 2, "z": 1}


def test_leaving_a_context_that_is_not_entered_is_a_key_error(tracker):
    """This is a bug in the calling code."""
    with pytest.raises(KeyError):
        tracker.exit_context("never")


def test_a_context_block_affects_only_events_inside_it(tracker, kept):
    """The context is left at the end of the block."""
    tracker.enter_context("request", {"user_id": 7})
    with tracker.context("form", {"user_id": 8, "form": "f"}):
        tracker.emit("inside")
    tracker.emit("outside")

    assert [event["context"] for event in kept.events] == [
        {"user_id": 8, "form": "f"},
        {"user_id": 7},
    ]


def test_a_context_block_ends_when_it_raises(tracker):
    """The context is left, and the exception is passed on."""
    with pytest.raises(ZeroDivisionError), tracker.context("a", {"k": 1}):
        raise ZeroDivisionError

    assert tracker.resolve_context() == {}


def test_resolve_context_returns_a_new_dict(tracker):
    """The caller may change it without changing a context."""
    tracker.enter_context("a", {"k": 1})
    tracker.resolve_context()["k"] = 2

    assert tracker.resolve_context() == {"k": 1}


def test_located_context_is_the_mapping_of_the_locator():
    """It holds the contexts by name, in the order in which they were entered."""
    entered = {"one": {"k": 1}}
    tracker = Tracker(context_locator=mock.Mock(get=lambda: entered))

    assert tracker.located_context is entered


def test_a_custom_locator_needs_only_get():
    """It may return any mapping that keeps its order."""
    contexts = {}
    kept = RecordingBackend()
    tracker = Tracker({"kept": kept}, mock.Mock(spec=["get"], get=lambda: contexts))
    tracker.enter_context("a", {"k": 1})
    tracker.emit("x")
    tracker.exit_context("a")

    assert kept.events[0]["context"] == {"k": 1}
    assert contexts == {}


def test_the_default_tracker_gets_the_events_that_the_module_emits(tracker, kept):
    """Application code needs only `tracker.emit(...)`."""
    register_tracker(tracker)
    emit("a.b", {"k": 1})

    assert get_tracker() is tracker
    assert dict(TRACKERS) == {"default": tracker}
    assert kept.events[0]["data"] == {"k": 1}


def test_trackers_can_have_other_names(tracker):
    """`get_tracker` finds each under its name."""
    register_tracker(tracker, "second")

    assert get_tracker("second") is tracker
    with pytest.raises(KeyError):
        get_tracker()


def test_a_tracker_replaces_another_of_the_same_name(tracker):
    """The tracker that was registered last is used."""
    register_tracker(Tracker())
    register_tracker(tracker)

    assert get_tracker() is tracker


def test_a_subclass_may_have_a_method_called_send():
    """event-tracking's tracker has none."""

    class Sender(Tracker):
        def send(self, name, urgent=False):
            self.emit(name, {"urgent": urgent})

    backend = RecordingBackend()
    tracker = Sender({"one": backend})
    tracker.send("a", urgent=True)

    assert [event["data"] for event in backend.events] == [{"urgent": True}]
    assert tracker.stats()["lost"] == {}
