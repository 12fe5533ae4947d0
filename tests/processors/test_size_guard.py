"""`SizeGuard`: events that are too large are truncated and marked, or dropped."""

import copy
import json
import logging
import re
import threading
from collections import UserDict, deque, namedtuple
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking import journal
from eventtracking.backends.log_file import LogFileBackend
from eventtracking.backends.memory import MemoryBackend
from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.processors.size_guard import SizeGuard
from eventtracking.serialization import encode
from eventtracking.stats import LogThrottle
from eventtracking.tracker import Tracker

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MARKER = re.compile(r"\[\d+ (bytes|items|fields) removed\]$")


def event_of(data, **context):
    return {"name": "problem.checked", "timestamp": NOW, "data": data, "context": context}


def read(event):
    """Return *event* as it is read from the log."""
    return json.loads(encode(event))


def truncated(data, max_bytes=2000, **context):
    """Return the event truncated by a guard, after checking every promise of the guard."""
    event = event_of(data, **context)
    result = SizeGuard(max_bytes=max_bytes)(event)
    check(event, result, max_bytes)
    return result


def check(event, result, max_bytes):
    assert len(encode(result)) <= max_bytes
    if len(encode(event)) <= max_bytes:
        assert result is event
        return
    written = read(result)
    note = written["context"].pop("truncated")
    assert note["bytes"] == len(encode(event))
    assert written["context"] == read(event)["context"]
    assert (result["name"], result["timestamp"]) == (event["name"], event["timestamp"])
    assert marked("/data", written["data"]) >= set(note["paths"]) > set()
    # Values that are not in the list are unchanged.
    assert differing("/data", read(event)["data"], written["data"]) <= set(note["paths"])


def marked(path, value):
    """Return the pointers of the values with a marker."""
    if isinstance(value, str):
        return {path} if MARKER.search(value) else set()
    children = items(value)
    found = set().union(*(marked(f"{path}/{escaped(key)}", child) for key, child in children))
    last_items = [child for _, child in children][-1:]
    return found | (
        {path} if any(isinstance(end, str) and MARKER.search(end) for end in last_items) else set()
    )


def differing(path, before, after):
    """Return the pointers of the changed values, as deep as possible."""
    if not isinstance(before, dict | list):
        return set() if before == after else {path}
    left, found = dict(items(after)), set()
    if isinstance(after, list) and after and re.fullmatch(r"\[\d+ items removed\]", str(after[-1])):
        del left[len(after) - 1]
    for key, child in items(before):
        where = f"{path}/{escaped(key)}"
        found |= differing(where, child, left[key]) if key in left else {path}
    return found


def items(value):
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def escaped(key):
    return str(key).replace("~", "~0").replace("/", "~1")


def paths(event):
    return event["context"]["truncated"]["paths"]


def test_an_event_that_fits_is_unchanged():
    """The same object is returned, not a copy."""
    event = event_of({"answer": "42"}, user_id=7)

    assert SizeGuard(max_bytes=len(encode(event)))(event) is event


def test_the_size_includes_the_newline():
    """It is the size of the line in the log."""
    event = event_of({"answer": "x" * 1000})
    size = len(encode(event))

    assert SizeGuard(max_bytes=size)(event) is event
    assert SizeGuard(max_bytes=size - 1)(event) is not event


def test_a_long_string_is_truncated_and_marked():
    """The marker has the number of bytes; the context has the pointer and the original size."""
    event = event_of({"answer": "x" * 5000, "attempt": 3}, user_id=7)

    result = SizeGuard(max_bytes=1000)(event)
    answer, _, marker = result["data"]["answer"].partition("[")

    assert set(answer) == {"x"}
    assert marker == f"{5000 - len(answer)} bytes removed]"
    assert result["data"]["attempt"] == 3
    assert result["context"] == {
        "user_id": 7,
        "truncated": {"bytes": len(encode(event)), "paths": ["/data/answer"]},
    }


def test_a_string_is_truncated_no_more_than_necessary():
    """The size of the line is within a few bytes of the limit."""
    for length in range(2000, 2020):
        assert 1995 <= len(encode(truncated({"answer": "x" * length}))) <= 2000


def test_a_long_list_loses_its_end():
    """Its last item has the number of removed items."""
    result = truncated({"answers": list(range(10_000))})
    answers = result["data"]["answers"]

    assert answers[:-1] == list(range(len(answers) - 1))
    assert answers[-1] == f"[{10_000 - len(answers) + 1} items removed]"
    assert paths(result) == ["/data/answers"]


def test_a_large_mapping_loses_fields():
    """A field has their number."""
    result = truncated({"state": {f"field {n}": n for n in range(1000)}})
    state = result["data"]["state"]

    assert state.pop("[truncated]") == f"[{1000 - len(state)} fields removed]"
    assert state == {f"field {n}": n for n in range(len(state))}
    assert paths(result) == ["/data/state"]


def test_the_largest_values_are_truncated_and_small_ones_are_unchanged():
    """At any depth. Two large values get the same size."""
    data = {
        "small": "s" * 300,
        "large": "l" * 9000,
        "deep": {"er": {"large": "d" * 8000, "small": [1, 2, 3], "when": NOW}},
    }

    result = truncated(data)

    assert paths(result) == ["/data/large", "/data/deep/er/large"]
    assert result["data"]["small"] == "s" * 300
    assert result["data"]["deep"]["er"]["small"] == [1, 2, 3]
    assert result["data"]["deep"]["er"]["when"] is NOW
    assert abs(len(result["data"]["large"]) - len(result["data"]["deep"]["er"]["large"])) < 80


def test_the_remaining_records_of_a_list_are_complete():
    """A list of many small items loses its end."""
    records = [{"id": n, "answer": "a" * 100} for n in range(500)]

    kept = truncated({"records": records}, 10_000)["data"]["records"]

    assert len(kept) > 50
    assert kept[:-1] == records[: len(kept) - 1]


def test_every_field_of_a_form_keeps_its_beginning():
    """Fields have different meanings, so none is removed while all can be truncated."""
    result = truncated({f"question {n}": "w" * 3000 for n in range(20)}, 10_000)

    assert len(result["data"]) == 20
    assert all(value.startswith("w" * 300) for value in result["data"].values())


@pytest.mark.parametrize(
    ("data", "rest"),
    [
        ("t" * 5000, "t"),
        (["i" * 10] * 5000, ["i" * 10]),
        (("i" * 10,) * 5000, ["i" * 10]),
        (b"b" * 5000, "b"),
        (deque(range(5000)), [0]),
        ({*range(5000)}, [0]),
    ],
)
def test_data_that_is_not_a_dict_is_truncated_itself(data, rest):
    """The pointer is that of the data."""
    result = truncated(data)

    assert result["data"][: len(rest)] == rest
    assert paths(result) == ["/data"]


@pytest.mark.parametrize(
    "text", ["é", "日", "🎉", '"', "\\", "\n", "\x00", "\u2028", "\x85", "a\ud800"]
)
def test_truncation_never_splits_a_character(text):
    """For characters of any encoded size, and any limit."""
    for limit in range(700, 720):
        kept = truncated({"answer": text * 3000}, limit)["data"]["answer"]
        beginning = MARKER.sub("", kept)

        assert (text * 3000).replace("\ud800", "\ufffd").startswith(beginning)
        assert len(encode(truncated({"answer": text * 3000}, limit))) > limit - 20


def test_removed_bytes_are_counted_as_encoded():
    """An escaped character counts with its escape."""
    answer = truncated({"answer": "\n" * 3000})["data"]["answer"]
    kept = answer.count("\n")

    assert answer == "\n" * kept + f"[{(3000 - kept) * 2} bytes removed]"


def test_pointers_are_escaped_as_rfc_6901_says():
    """A tilde, a slash and an empty key."""
    result = truncated({"a/b": {"~": {"": "x" * 5000}}})

    assert paths(result) == ["/data/a~1b/~0/"]


def test_values_of_other_types_are_truncated_as_they_would_be_written():
    """Tuples, sets, bytes, mappings, objects with a text, numbers of a thousand digits."""
    Point = namedtuple("Point", "x y")  # noqa: PYI024  # applications use the untyped one as well
    data = {
        "point": Point("x" * 3000, NOW),
        "set": {*range(3000)},
        "bytes": b"b" * 3000,
        "mapping": UserDict(a="a" * 3000, b=1),
        "number": 10**3000,
        "object": type("Long", (), {"__str__": lambda _: "o" * 3000})(),
        "keys": {5: "five" * 1000, None: 1},
        "price": Decimal("1.50"),
    }

    result = truncated(data, 5000)

    assert result["data"]["price"] is data["price"]
    assert result["data"]["point"][1] is NOW
    assert result["data"]["mapping"]["b"] == 1
    assert result["data"]["keys"]["None"] == 1
    assert "/data/keys/5" in paths(result)


def test_a_marker_does_not_replace_a_field_with_its_name():
    """An event may be truncated twice."""
    result = truncated({"[truncated]": "kept", **{f"field {n}": n for n in range(1000)}})

    assert result["data"]["[truncated]"] == "kept"
    assert MARKER.match(result["data"]["[truncated]#2"])


def test_a_second_guard_truncates_further():
    """It replaces the note of the first guard."""
    first = SizeGuard(max_bytes=4000)(event_of({"answer": "x" * 9000}))
    second = SizeGuard(max_bytes=2000)(first)

    assert len(encode(second)) <= 2000
    assert second["context"]["truncated"]["bytes"] == len(encode(first))


def test_only_the_field_with_a_key_that_is_too_long_is_removed():
    """Later fields are kept."""
    result = truncated({"k" * 5000: 1, "answer": "short"})

    assert result["data"] == {"answer": "short", "[truncated]": "[1 fields removed]"}


def test_the_event_passed_in_is_not_changed():
    """The result shares no mutable value with it."""
    event = event_of({"list": list(range(5000)), "dict": {"n": [1]}}, page={"path": "/"})
    before = copy.deepcopy(event)

    result = SizeGuard(max_bytes=1000)(event)
    result["data"]["dict"]["n"].append(2)
    result["context"]["page"]["path"] = "/other"

    assert event == before


def test_the_result_for_an_event_is_always_the_same():
    """Also for sets, which have no order."""
    data = {"set": {f"item {n}" for n in range(500)}, "text": "t" * 5000}

    results = {encode(SizeGuard(max_bytes=3000)(event_of(copy.deepcopy(data)))) for _ in range(5)}

    assert len(results) == 1


@pytest.mark.parametrize(
    "event",
    [
        event_of({"n": 1}, agent="a" * 5000),
        {**event_of({"answer": "x" * 500}), "name": "n" * 5000},
        {**event_of({"answer": "x" * 5000}), "context": "c"},
        {"name": "a", "timestamp": NOW, "event": "x" * 5000, "context": {}},
        event_of(5, agent="a" * 5000),
    ],
)
def test_an_event_that_cannot_be_made_to_fit_is_dropped(event):
    """The name and the context are never truncated, only the data."""
    with pytest.raises(EventEmissionExit) as dropped:
        SizeGuard(max_bytes=1000)(event)

    assert dropped.value.reason == "too_large"


def test_an_older_note_is_replaced():
    """The field of the context belongs to the guard."""
    assert paths(SizeGuard(max_bytes=1000)(event_of("x" * 5000, truncated=5))) == ["/data"]


def test_an_event_without_a_context_gets_one():
    """The note is in the context."""
    result = SizeGuard(max_bytes=1000)({"name": "a", "data": {"answer": "x" * 5000}})

    assert paths(result) == ["/data/answer"]


def test_a_guard_can_drop_instead_of_truncating():
    """An event that fits is unchanged."""
    guard = SizeGuard(max_bytes=1000, on_oversize="drop")
    event = event_of({"answer": "x"})

    with pytest.raises(EventEmissionExit, match="too_large"):
        guard(event_of({"answer": "x" * 5000}))

    assert guard(event) is event


def test_dropped_events_are_logged_at_most_once_a_minute(caplog):
    """With their number, and the name and size of the last one."""
    now = [0.0]
    guard = SizeGuard(max_bytes=100, on_oversize="drop")
    guard._throttle = LogThrottle(clock=lambda: now[0])
    event = event_of({"answer": "x" * 5000})
    caplog.set_level(logging.WARNING)
    for seconds in (0, 30, 59, 61):
        now[0] = seconds
        with pytest.raises(EventEmissionExit):
            guard(event)

    size = len(encode(event))

    assert [record.getMessage() for record in caplog.records] == [
        f"Lost {number} event(s) over max_bytes=100; "
        f"the last was 'problem.checked' with {size} bytes"
        for number in (1, 3)
    ]


def test_the_warning_stays_short_for_any_name(caplog):
    """A long name is shortened. A name without a representation is shown by its type."""
    guard = SizeGuard(max_bytes=100, on_oversize="drop")
    for name in ("n" * 100_000, "two\nlines", Unprintable()):
        guard._throttle = LogThrottle()
        with pytest.raises(EventEmissionExit):
            guard({**event_of({"answer": "x" * 500}), "name": name})

    texts = [record.getMessage() for record in caplog.records]

    assert max(map(len, texts)) < 300
    assert "two\\nlines" in texts[1]
    assert "unserializable Unprintable" in texts[2]


class Unprintable:
    """An object without a text."""

    def __str__(self):
        raise OSError("no text")

    __repr__ = __str__


class Growing:
    """An object whose text is longer every time."""

    def __init__(self):
        self.lengths = count(1000, 500)

    def __str__(self):
        return "g" * next(self.lengths)


class FalseDict:
    """An object whose class claims to be dict."""

    __class__ = dict

    def __str__(self):
        return "p" * 3000


def test_misbehaving_objects_do_not_exceed_the_limit():
    """Objects that raise, change while they are encoded, or claim a false class."""
    data = {
        "unprintable": [Unprintable()] * 200,
        "growing": Growing(),
        "false": FalseDict(),
        "lock": threading.Lock(),
        "generator": (n for n in range(9)),
        "text": "t" * 3000,
    }

    result = SizeGuard(max_bytes=2000)(event_of(data))

    assert len(encode(result)) <= 2000
    assert result["data"]["unprintable"]


def test_an_object_with_a_growing_text_is_encoded_once():
    """The text that was measured is the text that is written."""
    many = {f"field {n}": Growing() for n in range(30)}

    result = SizeGuard(max_bytes=20_000)(event_of({**many, "text": "t" * 9000}))

    assert len({len(encode(result)) for _ in range(3)}) == 1
    assert len(encode(result)) <= 20_000


def test_containers_that_contain_themselves_are_truncated():
    """The cycle is marked as in the log."""
    data = {"answer": "x" * 5000}
    data["self"] = data

    assert truncated(data)["data"]["self"] == "[cycle]"


@pytest.mark.parametrize("levels", [50, 99, 100, 101, 150])
def test_deeply_nested_values_are_truncated(levels):
    """Down to the maximum depth of an event and beyond."""
    data = "x" * 9000
    for _ in range(levels):
        data = {"k": data, "l": ["l" * 5]}
    guard = SizeGuard(max_bytes=5000)

    assert len(encode(guard(event_of(data)))) <= 5000


def test_log_lines_stay_within_the_limit_and_losses_are_counted(tmp_path):
    """A dropped event is lost as `too_large`, not filtered."""
    tracker = Tracker(
        {"log": LogFileBackend(tmp_path / "tracking.log")}, processors=[SizeGuard(max_bytes=1000)]
    )
    tracker.emit("fits", {"answer": "short"})
    tracker.emit("truncated", {"answer": "x" * 100_000})
    with tracker.context("huge", {"agent": "a" * 5000}):
        tracker.emit("dropped", {"answer": "x" * 100_000})
    tracker.close()

    lines = (tmp_path / "tracking.log").read_bytes().splitlines(keepends=True)
    events = [*journal.read(tmp_path / "tracking.log")]

    assert max(map(len, lines)) <= 1000
    assert [event["name"] for event in events] == ["fits", "truncated"]
    assert tracker.stats()["lost"] == {"too_large": 1}
    assert tracker.stats()["filtered"] == 0


def test_a_guard_that_raises_drops_the_event():
    """Here another processor returned an invalid event."""
    memory = MemoryBackend()
    tracker = Tracker(
        {"m": memory}, processors=[lambda _: ["invalid"] * 99, SizeGuard(max_bytes=9)]
    )
    tracker.emit("a")

    assert memory.events == []
    assert tracker.stats()["lost"] == {"guard_failed": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_bytes": 0}, "max_bytes must be a whole number of bytes, 1 or more, got 0"),
        ({"max_bytes": -1}, "got -1"),
        ({"max_bytes": "50000"}, "got '50000'"),
        ({"max_bytes": 5e4}, "got 50000.0"),
        ({"max_bytes": True}, "got True"),
        ({"max_bytes": None}, "got None"),
        ({"on_oversize": "cut"}, "on_oversize must be one of 'truncate', 'drop', got 'cut'"),
        ({"on_oversize": None}, "got None"),
    ],
)
def test_a_wrong_option_is_shown_with_its_value(options, message):
    """When the guard is constructed, not at the first large event."""
    with pytest.raises(ImproperlyConfigured, match=f"^SizeGuard: .*{message}"):
        SizeGuard(**options)


def test_the_repr_shows_the_options():
    """Operators see it in lists of processors."""
    assert repr(SizeGuard()) == "<SizeGuard max_bytes=50000 on_oversize='truncate'>"


TEXTS = st.text(max_size=30) | st.builds(str.__mul__, st.text(min_size=1, max_size=3), st.just(300))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.datetimes() | TEXTS
REPEATED = st.builds(list.__mul__, st.lists(st.integers() | st.text(max_size=9)), st.just(100))
VALUES = st.recursive(
    LEAVES | REPEATED,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXTS, inner, max_size=8),
    max_leaves=20,
)
CONTEXTS = st.dictionaries(st.text(max_size=9).filter(lambda key: key != "truncated"), LEAVES)


def outcome(event, max_bytes):
    """Return the event that a guard returns, or the reason for which it drops the event."""
    try:
        return SizeGuard(max_bytes=max_bytes)(event)
    except EventEmissionExit as decision:
        return decision.reason


@given(VALUES, CONTEXTS, st.integers(100, 6000))
def test_an_event_fits_afterwards_or_is_dropped(data, context, max_bytes):
    """The result is deterministic, and lists the truncated values. Other values are unchanged."""
    event = {**event_of(data), "context": context}
    before = encode(event)

    result = outcome(event, max_bytes)

    assert encode(event) == before
    assert encode(outcome(event, max_bytes)) == encode(result)
    if result != "too_large":
        check(event, result, max_bytes)


@given(VALUES, st.integers(700, 6000))
def test_data_alone_never_causes_a_drop(data, max_bytes):
    """With a name and a context of ordinary size, the event can be made to fit."""
    assert outcome(event_of({"answers": data}, user_id=7), max_bytes) != "too_large"
