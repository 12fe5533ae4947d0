"""`LegacyFieldMappingProcessor`: the format of legacy tracking logs."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking import serialization
from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.processors.legacy import LegacyFieldMappingProcessor
from eventtracking.tracker import Tracker

map_fields = LegacyFieldMappingProcessor()

MOVED = ("username", "session", "ip", "agent", "host", "referer", "accept_language")


def mapped(**event):
    map_fields(event)
    return event


def from_browser(data):
    return mapped(name="play_video", data=data, context={"event_source": "browser"})


def test_a_server_event_is_mapped_field_by_field():
    """The fields that legacy readers know are at the top. The rest of the context stays."""
    event = mapped(
        name="edx.course.enrollment.activated",
        timestamp="T",
        data={"mode": "audit"},
        context={
            "username": "ana",
            "user_id": 7,
            "session": "s",
            "ip": "203.0.113.9",
            "host": "lms.example",
            "agent": "UA",
            "path": "/enroll",
            "referer": "R",
            "accept_language": "pt",
            "client_id": "1.2",
            "course_id": "course-v1:X+Y+Z",
            "org_id": "X",
            "enterprise_uuid": "",
            "module": {"display_name": "Week 1"},
        },
    )

    assert event == {
        "name": "edx.course.enrollment.activated",
        "username": "ana",
        "session": "s",
        "ip": "203.0.113.9",
        "agent": "UA",
        "host": "lms.example",
        "referer": "R",
        "accept_language": "pt",
        "event": {"mode": "audit"},
        "time": "T",
        "event_type": "edx.course.enrollment.activated",
        "event_source": "server",
        "page": None,
        "context": {
            "user_id": 7,
            "path": "/enroll",
            "course_id": "course-v1:X+Y+Z",
            "org_id": "X",
            "enterprise_uuid": "",
            "module": {"display_name": "Week 1"},
        },
    }


def test_event_fields_of_the_context_win():
    """Type, source, page and time. They are removed from the context."""
    event = mapped(
        name="edx.video.played",
        timestamp="ours",
        data={},
        context={
            "event_type": "play_video",
            "event_source": "mobile",
            "page": "https://h/c",
            "timestamp": "the phone's",
        },
    )

    assert event["event_type"] == "play_video"
    assert event["event_source"] == "mobile"
    assert event["page"] == "https://h/c"
    assert event["time"] == "the phone's"
    assert event["context"] == {}
    assert "timestamp" not in event


def test_missing_request_fields_are_empty():
    """Every line has all seven. A field that exists is moved, also if it is `None`."""
    event = mapped(name="a", timestamp="T", data={}, context={"username": None})

    assert {field: event[field] for field in MOVED} == {
        **dict.fromkeys(MOVED, ""),
        "username": None,
    }


@pytest.mark.parametrize("context", [{}, {"context": None}, {"context": "nowhere"}])
def test_an_event_without_a_context_is_mapped_without_one(context):
    """No request fields are added, and a value that is not a context is kept."""
    event = mapped(name="a", timestamp="T", data={"n": 1}, **context)

    assert event == {
        "name": "a",
        "event": {"n": 1},
        "time": "T",
        "event_type": "a",
        "event_source": "server",
        "page": None,
        **context,
    }


def test_an_empty_event_is_mapped():
    """Without a name, data or a time, a reader still finds the required fields."""
    assert mapped() == {"event": {}, "event_type": "", "event_source": "server", "page": None}


def test_a_browser_event_without_data_has_an_empty_mapping():
    """As written by event-tracking."""
    assert mapped(context={"event_source": "browser"})["event"] == {}


def test_browser_data_is_json_in_a_string():
    """With the spacing of the standard library, which readers expect."""
    event = from_browser({"id": "v1", "currentTime": 12.3, "title": "é"})

    assert event["event"] == '{"id": "v1", "currentTime": 12.3, "title": "\\u00e9"}'
    assert event["event_source"] == "browser"


@pytest.mark.parametrize("data", ["text", '{"already": "json"}', ["a", 1], 5, None])
def test_data_that_is_not_a_dict_is_unchanged(data):
    """From a browser or not."""
    assert from_browser(data)["event"] == data
    assert mapped(name="a", data=data, context={})["event"] == data


def test_dates_in_browser_data_are_written_as_in_the_log():
    """In event-tracking they left an event half mapped."""
    event = from_browser({"due": datetime(2026, 1, 2, 3, tzinfo=UTC), "day": date(2026, 1, 2)})

    assert event["event"] == '{"due": "2026-01-02T03:00:00+00:00", "day": "2026-01-02"}'
    assert "data" not in event


def test_other_values_in_browser_data_are_written_as_in_the_log():
    """Sets, decimals, NaN and cycles."""
    data = {"set": {3, 1}, "price": Decimal("1.50"), "nan": float("nan"), 5: None}
    data["self"] = data

    written = json.loads(from_browser(data)["event"])

    assert written == json.loads(serialization.encode(data))
    assert written["nan"] is None


def test_an_event_is_mapped_completely_or_not_at_all():
    """If an object raises while it is encoded, the event is unchanged."""

    class Failing(dict):
        def items(self):
            raise OSError("gone")

    event = {"name": "a", "data": Failing(x=1), "context": {"event_source": "browser", "ip": "i"}}
    before = {**event, "context": dict(event["context"])}

    with pytest.raises(OSError, match="gone"):
        map_fields(event)

    assert event == before


def test_the_context_of_the_caller_is_not_changed():
    """Only the event is changed."""
    context = {"username": "ana", "user_id": 7}

    mapped(name="a", data={}, context=context)

    assert context == {"username": "ana", "user_id": 7}


def test_only_the_branch_of_the_legacy_log_is_mapped():
    """Other branches keep the four keys."""
    legacy, modern = MemoryBackend(), MemoryBackend()
    tracker = Tracker({"legacy": RoutingBackend({"m": legacy}, [map_fields]), "modern": modern})
    with tracker.context("request", {"username": "ana"}):
        tracker.emit("a.b", {"n": 1})

    [line], [event] = legacy.events, modern.events

    assert (line["event"], line["username"], line["context"]) == ({"n": 1}, "ana", {})
    assert line["time"] == event["timestamp"]
    assert event["context"] == {"username": "ana"}


@given(
    st.dictionaries(
        st.text() | st.integers(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=10,
        ),
        max_size=4,
    )
)
def test_any_browser_data_becomes_valid_json(data):
    """It is strict JSON with a field for each key."""
    event = from_browser(data)

    written = json.loads(event["event"], parse_constant=pytest.fail)

    assert isinstance(written, dict)
    assert set(written) <= {*map(str, data), *(f"{key}#2" for key in data)}
