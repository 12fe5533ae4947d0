"""What a tracker does with names, data, contexts and its registry, as in event-tracking."""

from datetime import UTC, datetime
from unittest import mock

import pytest
from core_fakes import FailingBackend, RecordingBackend, drop

from eventtracking import tracker as tracker_module
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
    """Name, timestamp, data and context: no id, no host, no version."""
    tracker.emit("book.opened", {"page": 1})
    (event,) = kept.events

    assert sorted(event) == ["context", "data", "name", "timestamp"]


def test_the_timestamp_is_aware_and_in_utc(tracker, kept):
    """Taken when the event is emitted."""
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
    """Whatever counts as false."""
    tracker.emit(name)

    assert kept.events[0]["name"] == "unknown"


@pytest.mark.parametrize("name", ["a.b.c", 5, b"bytes", ("a", "b")])
def test_any_other_name_goes_through_as_it_is(tracker, kept, name):
    """Of any type."""
    tracker.emit(name)

    assert kept.events[0]["name"] == name


@pytest.mark.parametrize("data", [None, 0, "", [], (), False, {}])
def test_empty_data_become_an_empty_dict(tracker, kept, data):
    """Whatever counts as false."""
    tracker.emit("a", data)

    assert kept.events[0]["data"] == {}


@pytest.mark.parametrize("data", ["abc", [1], 5, True, {"k": "v"}])
def test_any_other_data_go_through_as_they_are(tracker, kept, data):
    """They need not be a dict."""
    tracker.emit("a", data)

    assert kept.events[0]["data"] == data


def test_emit_without_arguments_is_an_unknown_event_without_data(tracker, kept):
    """Both arguments are optional."""
    assert tracker.emit() is None
    assert (kept.events[0]["name"], kept.events[0]["data"]) == ("unknown", {})


@pytest.mark.parametrize("options", [{"backends": {"a": FailingBackend(OSError())}}])
def test_what_a_backend_raises_never_reaches_the_caller(options):
    """Neither does what a processor raises."""
    tracker = Tracker(processors=[lambda event: 1 / 0], **options)

    assert tracker.emit("a") is None


def test_the_arguments_may_be_given_by_position():
    """Backends, locator, processors."""
    kept, locator = RecordingBackend(), mock.Mock(get=lambda: {"one": {"k": 1}})
    tracker = Tracker({"kept": kept}, locator, [drop])
    tracker.emit("a")

    assert tracker.context_locator is locator
    assert tracker.processors == [drop]
    assert kept.events == []


def test_the_root_router_and_its_lists_can_be_reached(tracker, kept):
    """Under the names that applications use."""
    assert tracker.get_backend("kept") is kept
    assert tracker.backends is tracker.routing_backend.backends
    assert tracker.processors is tracker.routing_backend.processors
    assert dict(tracker.backends) == {"kept": kept}


def test_asking_for_a_backend_that_is_not_there_is_a_key_error(tracker):
    """As of a dict."""
    with pytest.raises(KeyError):
        tracker.get_backend("missing")


def test_contexts_are_merged_in_the_order_of_entering(tracker):
    """A later one wins, and its nested dicts replace those before, whole."""
    tracker.enter_context("process", {"host": "web1", "app": {"v": 1}})
    tracker.enter_context("request", {"user_id": 7, "app": {"build": 9}})

    assert tracker.resolve_context() == {"host": "web1", "user_id": 7, "app": {"build": 9}}


def test_leaving_a_context_brings_back_what_it_hid(tracker):
    """In any order."""
    tracker.enter_context("outer", {"k": 1, "only": 1})
    tracker.enter_context("inner", {"k": 2})
    tracker.exit_context("outer")

    assert tracker.resolve_context() == {"k": 2}


def test_a_context_that_is_entered_again_keeps_its_place(tracker):
    """The value is new, the rank is not: `b` was entered after `a` and still wins."""
    tracker.enter_context("a", {"k": 1})
    tracker.enter_context("b", {"k": 2})
    tracker.enter_context("a", {"k": 3, "z": 1})

    assert tracker.resolve_context() == {"k": 2, "z": 1}


def test_leaving_a_context_that_is_not_entered_is_a_key_error(tracker):
    """It is a bug of the caller."""
    with pytest.raises(KeyError):
        tracker.exit_context("never")


def test_a_context_block_adds_to_events_inside_it_only(tracker, kept):
    """And is over when the block is."""
    tracker.enter_context("request", {"user_id": 7})
    with tracker.context("form", {"user_id": 8, "form": "f"}):
        tracker.emit("inside")
    tracker.emit("outside")

    assert [event["context"] for event in kept.events] == [
        {"user_id": 8, "form": "f"},
        {"user_id": 7},
    ]


def test_a_context_block_ends_when_it_raises(tracker):
    """The exception goes on, the context does not."""
    with pytest.raises(ZeroDivisionError), tracker.context("a", {"k": 1}):
        raise ZeroDivisionError

    assert tracker.resolve_context() == {}


def test_resolving_returns_a_dict_of_the_callers_own(tracker):
    """Adding to it adds to nothing else."""
    tracker.enter_context("a", {"k": 1})
    tracker.resolve_context()["k"] = 2

    assert tracker.resolve_context() == {"k": 1}


def test_the_located_context_is_what_the_locator_returns():
    """By name, in the order of entering."""
    entered = {"one": {"k": 1}}
    tracker = Tracker(context_locator=mock.Mock(get=lambda: entered))

    assert tracker.located_context is entered


def test_a_locator_of_ones_own_needs_nothing_but_get():
    """Any mapping that keeps its order will do."""
    contexts = {}
    kept = RecordingBackend()
    tracker = Tracker({"kept": kept}, mock.Mock(spec=["get"], get=lambda: contexts))
    tracker.enter_context("a", {"k": 1})
    tracker.emit("x")
    tracker.exit_context("a")

    assert kept.events[0]["context"] == {"k": 1}
    assert contexts == {}


def test_the_default_tracker_gets_what_the_module_emits(tracker, kept):
    """`tracker.emit(...)` is all that application code needs."""
    register_tracker(tracker)
    emit("a.b", {"k": 1})

    assert get_tracker() is tracker
    assert dict(TRACKERS) == {"default": tracker}
    assert kept.events[0]["data"] == {"k": 1}


def test_trackers_can_have_other_names(tracker):
    """Each is found under its own."""
    register_tracker(tracker, "second")

    assert get_tracker("second") is tracker
    with pytest.raises(KeyError):
        get_tracker()


def test_a_tracker_takes_the_place_of_another(tracker):
    """The last one registered under a name is the one."""
    register_tracker(Tracker())
    register_tracker(tracker)

    assert tracker_module.get_tracker() is tracker
