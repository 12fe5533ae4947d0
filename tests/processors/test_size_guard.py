"""No event is longer than the line that it may become, and what is cut says so."""

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
MARK = re.compile(r"\[\d+ (bytes|items|fields) removed\]$")


def event_of(data, **context):
    return {"name": "problem.checked", "timestamp": NOW, "data": data, "context": context}


def read(event):
    """Return *event* as a reader of the log finds it."""
    return json.loads(encode(event))


def shortened(data, max_bytes=2000, **context):
    """Return what a guard leaves of an event, after looking at all that it promises."""
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
    # Whatever is not on the list is what it was.
    assert differing("/data", read(event)["data"], written["data"]) <= set(note["paths"])


def marked(path, value):
    """Return the pointers of what has a mark in it."""
    if isinstance(value, str):
        return {path} if MARK.search(value) else set()
    children = items(value)
    found = set().union(*(marked(f"{path}/{escaped(key)}", child) for key, child in children))
    ends = [child for _, child in children][-1:]
    return found | (
        {path} if any(isinstance(end, str) and MARK.search(end) for end in ends) else set()
    )


def differing(path, before, after):
    """Return the pointers of what was changed, each as deep as can be said."""
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


def test_an_event_that_fits_is_passed_on_untouched():
    """The very object: nothing is copied, nothing is noted."""
    event = event_of({"answer": "42"}, user_id=7)

    assert SizeGuard(max_bytes=len(encode(event)))(event) is event


def test_the_newline_counts():
    """The size is that of the line: one byte less, and the event is too large."""
    event = event_of({"answer": "x" * 1000})
    size = len(encode(event))

    assert SizeGuard(max_bytes=size)(event) is event
    assert SizeGuard(max_bytes=size - 1)(event) is not event


def test_a_long_string_is_cut_and_says_how_much_is_gone():
    """In place, and in the context with its pointer and the original size."""
    event = event_of({"answer": "x" * 5000, "attempt": 3}, user_id=7)

    result = SizeGuard(max_bytes=1000)(event)
    answer, _, mark = result["data"]["answer"].partition("[")

    assert set(answer) == {"x"}
    assert mark == f"{5000 - len(answer)} bytes removed]"
    assert result["data"]["attempt"] == 3
    assert result["context"] == {
        "user_id": 7,
        "truncated": {"bytes": len(encode(event)), "paths": ["/data/answer"]},
    }


def test_no_more_of_a_string_is_cut_than_has_to_be():
    """The line ends within a few bytes of the limit."""
    for length in range(2000, 2020):
        assert 1995 <= len(encode(shortened({"answer": "x" * length}))) <= 2000


def test_a_long_list_loses_its_end():
    """Its last item says how many there were."""
    result = shortened({"answers": list(range(10_000))})
    answers = result["data"]["answers"]

    assert answers[:-1] == list(range(len(answers) - 1))
    assert answers[-1] == f"[{10_000 - len(answers) + 1} items removed]"
    assert paths(result) == ["/data/answers"]


def test_a_large_mapping_loses_fields():
    """A field says how many."""
    result = shortened({"state": {f"field {n}": n for n in range(1000)}})
    state = result["data"]["state"]

    assert state.pop("[truncated]") == f"[{1000 - len(state)} fields removed]"
    assert state == {f"field {n}": n for n in range(len(state))}
    assert paths(result) == ["/data/state"]


def test_the_largest_values_are_cut_and_the_small_ones_stay():
    """At any depth, two large ones to the same size."""
    data = {
        "small": "s" * 300,
        "large": "l" * 9000,
        "deep": {"er": {"large": "d" * 8000, "small": [1, 2, 3], "when": NOW}},
    }

    result = shortened(data)

    assert paths(result) == ["/data/large", "/data/deep/er/large"]
    assert result["data"]["small"] == "s" * 300
    assert result["data"]["deep"]["er"]["small"] == [1, 2, 3]
    assert result["data"]["deep"]["er"]["when"] is NOW
    assert abs(len(result["data"]["large"]) - len(result["data"]["deep"]["er"]["large"])) < 80


def test_whole_records_stay_rather_than_the_beginnings_of_all():
    """A list of many alike loses its end, and nothing within what is left."""
    records = [{"id": n, "answer": "a" * 100} for n in range(500)]

    kept = shortened({"records": records}, 10_000)["data"]["records"]

    assert len(kept) > 50
    assert kept[:-1] == records[: len(kept) - 1]


def test_every_field_of_a_form_keeps_its_beginning():
    """Fields mean different things: none goes while all can be cut."""
    result = shortened({f"question {n}": "w" * 3000 for n in range(20)}, 10_000)

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
def test_data_that_is_no_dict_is_cut_itself(data, rest):
    """The pointer is that of the data."""
    result = shortened(data)

    assert result["data"][: len(rest)] == rest
    assert paths(result) == ["/data"]


@pytest.mark.parametrize(
    "text", ["é", "日", "🎉", '"', "\\", "\n", "\x00", "\u2028", "\x85", "a\ud800"]
)
def test_a_cut_never_splits_a_character(text):
    """Whatever a character takes in the line, and wherever the limit falls."""
    for limit in range(700, 720):
        kept = shortened({"answer": text * 3000}, limit)["data"]["answer"]
        beginning = MARK.sub("", kept)

        assert (text * 3000).replace("\ud800", "\ufffd").startswith(beginning)
        assert len(encode(shortened({"answer": text * 3000}, limit))) > limit - 20


def test_the_bytes_removed_are_those_of_the_line():
    """As are all sizes: an escaped character counts as what it is written as."""
    answer = shortened({"answer": "\n" * 3000})["data"]["answer"]
    kept = answer.count("\n")

    assert answer == "\n" * kept + f"[{(3000 - kept) * 2} bytes removed]"


def test_pointers_are_escaped_as_rfc_6901_says():
    """A tilde, a slash, and a key of nothing."""
    result = shortened({"a/b": {"~": {"": "x" * 5000}}})

    assert paths(result) == ["/data/a~1b/~0/"]


def test_values_of_other_kinds_are_cut_as_they_would_be_written():
    """Tuples, sets, bytes, mappings, objects with a text, numbers of a thousand digits."""
    Point = namedtuple("Point", "x y")  # noqa: PYI024  # the untyped one is in use, too
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

    result = shortened(data, 5000)

    assert result["data"]["price"] is data["price"]
    assert result["data"]["point"][1] is NOW
    assert result["data"]["mapping"]["b"] == 1
    assert result["data"]["keys"]["None"] == 1
    assert "/data/keys/5" in paths(result)


def test_a_mark_takes_no_field_of_that_name_away():
    """An event that was cut before, and is cut again."""
    result = shortened({"[truncated]": "kept", **{f"field {n}": n for n in range(1000)}})

    assert result["data"]["[truncated]"] == "kept"
    assert MARK.match(result["data"]["[truncated]#2"])


def test_a_second_guard_cuts_further():
    """What the first one left is cut again, and noted anew."""
    first = SizeGuard(max_bytes=4000)(event_of({"answer": "x" * 9000}))
    second = SizeGuard(max_bytes=2000)(first)

    assert len(encode(second)) <= 2000
    assert second["context"]["truncated"]["bytes"] == len(encode(first))


def test_a_key_too_long_to_keep_takes_only_its_field_along():
    """Fields behind it stay."""
    result = shortened({"k" * 5000: 1, "answer": "short"})

    assert result["data"] == {"answer": "short", "[truncated]": "[1 fields removed]"}


def test_nothing_that_the_caller_holds_is_changed():
    """Also called directly; and nothing in the result is the caller's to change."""
    event = event_of({"list": list(range(5000)), "dict": {"n": [1]}}, page={"path": "/"})
    before = copy.deepcopy(event)

    result = SizeGuard(max_bytes=1000)(event)
    result["data"]["dict"]["n"].append(2)
    result["context"]["page"]["path"] = "/other"

    assert event == before


def test_the_same_event_always_gives_the_same():
    """Sets included, which have no order of their own."""
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
def test_what_cannot_be_made_to_fit_is_dropped(event):
    """The name and the context stay whole, and without data there is nothing to cut."""
    with pytest.raises(EventEmissionExit) as dropped:
        SizeGuard(max_bytes=1000)(event)

    assert dropped.value.reason == "too_large"


def test_an_older_note_makes_room_for_the_new_one():
    """It is the guard's field of the context."""
    assert paths(SizeGuard(max_bytes=1000)(event_of("x" * 5000, truncated=5))) == ["/data"]


def test_an_event_without_a_context_gains_one():
    """The note has to stand somewhere."""
    result = SizeGuard(max_bytes=1000)({"name": "a", "data": {"answer": "x" * 5000}})

    assert paths(result) == ["/data/answer"]


def test_a_guard_may_only_drop():
    """Then nothing is cut."""
    guard = SizeGuard(max_bytes=1000, on_oversize="drop")
    event = event_of({"answer": "x"})

    with pytest.raises(EventEmissionExit, match="too_large"):
        guard(event_of({"answer": "x" * 5000}))

    assert guard(event) is event


def test_a_drop_is_warned_of_once_a_minute_with_name_and_size(caplog):
    """Not once an event: the second warning tells how many there were."""
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


def test_a_long_or_strange_name_does_not_flood_the_warning(caplog):
    """It is shortened, and a name that cannot be shown is told by its type."""
    guard = SizeGuard(max_bytes=100, on_oversize="drop")
    for name in ("n" * 100_000, "two\nlines", Mute()):
        guard._throttle = LogThrottle()
        with pytest.raises(EventEmissionExit):
            guard({**event_of({"answer": "x" * 500}), "name": name})

    texts = [record.getMessage() for record in caplog.records]

    assert max(map(len, texts)) < 300
    assert "two\\nlines" in texts[1]
    assert "unserializable Mute" in texts[2]


class Mute:
    def __str__(self):
        raise OSError("no text")

    __repr__ = __str__


class Growing:
    """Writes itself longer every time."""

    def __init__(self):
        self.lengths = count(1000, 500)

    def __str__(self):
        return "g" * next(self.lengths)


class Posing:
    """Claims to be a dict."""

    __class__ = dict

    def __str__(self):
        return "p" * 3000


def test_objects_that_fail_change_or_pose_get_no_longer_line_out():
    """Nothing they do when they are looked at counts in the end."""
    data = {
        "mute": [Mute()] * 200,
        "growing": Growing(),
        "posing": Posing(),
        "lock": threading.Lock(),
        "generator": (n for n in range(9)),
        "text": "t" * 3000,
    }

    result = SizeGuard(max_bytes=2000)(event_of(data))

    assert len(encode(result)) <= 2000
    assert result["data"]["mute"]


def test_an_object_that_writes_itself_longer_every_time_is_held_to_its_word():
    """What it said once is what is written."""
    many = {f"field {n}": Growing() for n in range(30)}

    result = SizeGuard(max_bytes=20_000)(event_of({**many, "text": "t" * 9000}))

    assert len({len(encode(result)) for _ in range(3)}) == 1
    assert len(encode(result)) <= 20_000


def test_containers_that_hold_themselves_are_cut_once():
    """The cycle is marked where the log would mark it."""
    data = {"answer": "x" * 5000}
    data["self"] = data

    assert shortened(data)["data"]["self"] == "[cycle]"


@pytest.mark.parametrize("levels", [50, 99, 100, 101, 150])
def test_what_lies_deep_is_found(levels):
    """Down to where nesting is cut anyway."""
    data = "x" * 9000
    for _ in range(levels):
        data = {"k": data, "l": ["l" * 5]}
    guard = SizeGuard(max_bytes=5000)

    assert len(encode(guard(event_of(data)))) <= 5000


def test_no_line_of_the_log_is_longer_and_every_loss_is_counted(tmp_path):
    """Through a tracker, to a file: the reason is `too_large`, not `filtered`."""
    tracker = Tracker(
        {"log": LogFileBackend(tmp_path / "tracking.log")}, processors=[SizeGuard(max_bytes=1000)]
    )
    tracker.emit("fits", {"answer": "short"})
    tracker.emit("cut", {"answer": "x" * 100_000})
    with tracker.context("huge", {"agent": "a" * 5000}):
        tracker.emit("dropped", {"answer": "x" * 100_000})
    tracker.close()

    lines = (tmp_path / "tracking.log").read_bytes().splitlines(keepends=True)
    events = [*journal.read(tmp_path / "tracking.log")]

    assert max(map(len, lines)) <= 1000
    assert [event["name"] for event in events] == ["fits", "cut"]
    assert tracker.stats()["lost"] == {"too_large": 1}
    assert tracker.stats()["filtered"] == 0


def test_a_guard_that_fails_lets_nothing_through():
    """Here the event is none; the loss is the guard's."""
    memory = MemoryBackend()
    tracker = Tracker(
        {"m": memory}, processors=[lambda _: ["no event"] * 99, SizeGuard(max_bytes=9)]
    )
    tracker.emit("a")

    assert memory.events == []
    assert tracker.stats()["lost"] == {"guard_failed": 1}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"max_bytes": 0}, "max_bytes must be a number of bytes, 1 or more, got 0"),
        ({"max_bytes": -1}, "got -1"),
        ({"max_bytes": "50000"}, "got '50000'"),
        ({"max_bytes": 5e4}, "got 50000.0"),
        ({"max_bytes": True}, "got True"),
        ({"max_bytes": None}, "got None"),
        ({"on_oversize": "cut"}, r"on_oversize must be one of \('truncate', 'drop'\), got 'cut'"),
        ({"on_oversize": None}, "got None"),
    ],
)
def test_a_wrong_option_is_named_with_its_value(options, complaint):
    """When the guard is made, not when the first large event comes."""
    with pytest.raises(ImproperlyConfigured, match=f"^SizeGuard: .*{complaint}"):
        SizeGuard(**options)


def test_the_options_are_seen():
    """An operator finds them in the list of processors."""
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
    """Return what a guard makes of *event*: another one, or the reason why there is none."""
    try:
        return SizeGuard(max_bytes=max_bytes)(event)
    except EventEmissionExit as decision:
        return decision.reason


@given(VALUES, CONTEXTS, st.integers(100, 6000))
def test_an_event_fits_afterwards_or_is_dropped(data, context, max_bytes):
    """Whatever it holds: what was cut is named, what was not is as it was, always the same."""
    event = {**event_of(data), "context": context}
    before = encode(event)

    result = outcome(event, max_bytes)

    assert encode(event) == before
    assert encode(outcome(event, max_bytes)) == encode(result)
    if result != "too_large":
        check(event, result, max_bytes)


@given(VALUES, st.integers(700, 6000))
def test_an_event_is_dropped_only_for_what_is_not_its_data(data, max_bytes):
    """With an ordinary name and context there is always something to cut."""
    assert outcome(event_of({"answers": data}, user_id=7), max_bytes) != "too_large"
