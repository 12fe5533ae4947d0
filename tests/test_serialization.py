"""Serialization: any event becomes one line of strict JSON."""

import enum
import io
import json
import math
import subprocess
import sys
import threading
from collections import ChainMap, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from numbers import Integral
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import pytz
from core_fakes import depth, in_threads, nested, parse_strictly
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from eventtracking.event import CYCLE, MAX_DEPTH, TOO_DEEP, copy_value
from eventtracking.serialization import encode, plain, read_naive_in

NAIVE = datetime(2026, 7, 1, 12, tzinfo=UTC).replace(tzinfo=None)

Point = namedtuple("Point", "x y")  # noqa: PYI024 - the untyped kind is supported too


def written(value):
    """Return *value* as a reader of the log finds it; the values around it must be intact."""
    line = encode({"timestamp": datetime.now(UTC), "before": 1, "it": value, "after": 2})
    event = parse_strictly(line)
    assert (event["before"], event["after"]) == (1, 2)
    return event["it"]


class Colour(enum.Enum):
    RED = "red"
    WHEN = date(2026, 1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Order:
    number: int
    lines: list = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Slim:
    at: date


class Lazy:
    """Like a lazy translation, its text is computed by `str()`."""

    def __str__(self):
        return "später"


class Represented:
    def __repr__(self):
        return "<Represented 7>"


class Bare:
    pass


class FailingStr:
    def __str__(self):
        raise RuntimeError("no text")


class FailingRepr:
    def __repr__(self):
        raise RuntimeError("no text")


class FailingMapping(Mapping):
    def __getitem__(self, key):
        raise RuntimeError

    def __iter__(self):
        raise RuntimeError

    def __len__(self):
        return 1


class FailingEverything:
    def _fail(self, *_):
        raise RuntimeError

    __str__ = __repr__ = __bool__ = __eq__ = __lt__ = __iter__ = __getattr__ = _fail
    __hash__ = object.__hash__


class WrongDate(date):
    def isoformat(self):
        return object()


class FailingZone(timezone.__base__):
    def utcoffset(self, _):
        raise RuntimeError


class FailingList(list):
    def __iter__(self):
        raise RuntimeError


class Array:
    """Like an array of numpy, it has no truth value and no order."""

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values

    def __bool__(self):
        raise ValueError("the truth of an array is ambiguous")

    __eq__ = __lt__ = lambda self, other: self
    __hash__ = None


class ArrayScalar(Array):
    """Like an int64 of numpy, it is registered as a number."""

    def __str__(self):
        return "text"


Integral.register(ArrayScalar)


class EndlessArray:
    def tolist(self):
        return EndlessArray()


class OwnFloat(float):
    pass


class OwnInt(int):
    pass


class OwnText(str):
    __slots__ = ()

    def __str__(self):
        return "another text"


RELEASED = memoryview(b"x")
RELEASED.release()

FORMS = {
    "none": (None, None),
    "boolean": (True, True),
    "integer": (7, 7),
    "largest integers": ([2**64 - 1, -(2**63)], [2**64 - 1, -(2**63)]),
    "integers beyond 64 bits": ([2**64, -(2**63) - 1], [str(2**64), str(-(2**63) - 1)]),
    "integer of 5000 digits": (10**5000, "1" + "0" * 5000),
    "nan": (math.nan, None),
    "infinities": ([math.inf, -math.inf], [None, None]),
    "float": (0.1, 0.1),
    "subclasses of numbers": ([OwnInt(5), OwnFloat(0.5), OwnFloat("nan")], [5, 0.5, None]),
    "subclass of text": (OwnText("abc"), "abc"),
    "Decimal": (Decimal("1.10"), "1.10"),
    "Decimals that are not numbers": ([Decimal("NaN"), Decimal("sNaN")], ["NaN", "sNaN"]),
    "Fraction": (Fraction(1, 3), "1/3"),
    "complex": (1 + 2j, "(1+2j)"),
    "UUID": (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    "aware datetime": (
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=-5))),
        "2026-01-02T08:04:05.000006+00:00",
    ),
    "UTC datetime": (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
    "naive datetime": (NAIVE, "2026-07-01T12:00:00+00:00"),
    "pytz datetime": (
        pytz.timezone("Asia/Kolkata").localize(NAIVE),
        "2026-07-01T06:30:00+00:00",
    ),
    "zoneinfo datetime": (
        NAIVE.replace(tzinfo=ZoneInfo("America/New_York")),
        "2026-07-01T16:00:00+00:00",
    ),
    "first datetime east of UTC": (
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        "0001-01-01T00:00:00+14:00",
    ),
    "last datetime west of UTC": (
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        "9999-12-31T23:59:59.999999-12:00",
    ),
    "date": (date(2026, 1, 2), "2026-01-02"),
    "time": (time(3, 4, 5), "03:04:05"),
    "timedelta": (timedelta(seconds=90), "0:01:30"),
    "enum": (Colour.RED, "red"),
    "enum of a date": (Colour.WHEN, "2026-01-02"),
    "IntEnum and StrEnum": ([Level.HIGH, Word.YES], [3, "yes"]),
    "Flag": (Permission.READ | Permission.WRITE, 3),
    "dataclass": (Order(1, [Colour.RED]), {"number": 1, "lines": ["red"]}),
    "frozen dataclass with slots": (Slim(date(2026, 1, 2)), {"at": "2026-01-02"}),
    "tuple": ((1, (2,)), [1, [2]]),
    "named tuple": (Point(1, 2), [1, 2]),
    "set": ({3, 1, 2}, [1, 2, 3]),
    "set of texts": ({"b", "a"}, ["a", "b"]),
    "mixed set": ({"b", 1, None, "a"}, [None, 1, "a", "b"]),
    "set of sets": ({frozenset({2}), frozenset({1, 3})}, [[1, 3], [2]]),
    "deque": (deque([1, 2]), [1, 2]),
    "dict views": (
        [{"a": 1}.keys(), {"a": 1}.values(), {"a": 1}.items()],
        [["a"], [1], [["a", 1]]],
    ),
    "ordered and default dicts": ([OrderedDict(a=1), defaultdict(int, b=2)], [{"a": 1}, {"b": 2}]),
    "other mappings": (
        [MappingProxyType({"a": 1}), UserDict(b=2), ChainMap({"c": 3})],
        [{"a": 1}, {"b": 2}, {"c": 3}],
    ),
    "UTF-8 bytes": (["é".encode(), bytearray(b"b"), memoryview(b"c")], ["é", "b", "c"]),
    "other bytes": (b"\xff\x00", "[base64] /wA="),
    "lazy text": (Lazy(), "später"),
    "path": (PurePosixPath("/a/b"), "/a/b"),
    "exception": (ValueError("why"), "why"),
    "object with a repr": (Represented(), "<Represented 7>"),
    "object without a text": (Bare(), "[unserializable Bare]"),
    "array": (Array([1.5, math.nan]), [1.5, None]),
    "array scalar": (ArrayScalar(5), 5),
    "generator": ((n for n in range(3)), "[unserializable generator]"),
    "lock": (threading.Lock(), "[unserializable lock]"),
    "open file": (io.BytesIO(), "[unserializable BytesIO]"),
    "module": (sys, "[unserializable module]"),
    "function": (written, "[unserializable function]"),
    "class": (Bare, "[unserializable type]"),
    "object": (object(), "[unserializable object]"),
    "failing str": (FailingStr(), "[unserializable FailingStr]"),
    "failing repr": (FailingRepr(), "[unserializable FailingRepr]"),
    "failing mapping": (FailingMapping(), "[unserializable FailingMapping]"),
    "object whose methods all fail": (FailingEverything(), "[unserializable FailingEverything]"),
    "date with a wrong isoformat": (WrongDate(2026, 1, 2), "[unserializable WrongDate]"),
    "failing zone": (NAIVE.replace(tzinfo=FailingZone()), "[unserializable datetime]"),
    "released memoryview": (RELEASED, "[unserializable memoryview]"),
    "newlines": ("a\nb\r\x0b\x0c\x1c\x1d\x1e\x00\x1b", "a\nb\r\x0b\x0c\x1c\x1d\x1e\x00\x1b"),
    "Unicode separators": ("a\x85\u2028\u2029\x9bz", "a\x85\u2028\u2029\x9bz"),
    "any other text": ("ünïcödé 漢字 😀 </script>", "ünïcödé 漢字 😀 </script>"),
    "byte order mark": ("\ufeffa", "\ufeffa"),
    "lone surrogates": (["a\ud800", "\udc00b"], ["a\ufffd", "\ufffdb"]),
    "surrogate pair": ("\ud83d\ude00", "😀"),
}


@pytest.mark.parametrize(("value", "form"), FORMS.values(), ids=FORMS)
def test_every_value_has_its_documented_form(value, form):
    """The values before and after it in the event are intact."""
    assert written(value) == form


def test_plain_returns_the_same_forms_as_python_values():
    """Code that has its own JSON writer uses `plain`."""
    assert plain({"at": NAIVE, 5: {2, 1}}) == {"at": "2026-07-01T12:00:00+00:00", "5": [1, 2]}


KEYS = {
    "integers": ({1: "a", -1: "b"}, {"1": "a", "-1": "b"}),
    "none and boolean": ({None: 1, True: 2}, {"None": 1, "True": 2}),
    "floats": ({1.5: 1}, {"1.5": 1}),
    "dates": ({date(2026, 1, 2): 1}, {"2026-01-02": 1}),
    "bytes": ({b"k": 1, b"\xff": 2}, {"k": 1, "[base64] /w==": 2}),
    "tuples": ({(1, "a"): 1}, {"(1, 'a')": 1}),
    "enums": ({Colour.RED: 1, Level.HIGH: 2, Word.YES: 3}, {"red": 1, "3": 2, "yes": 3}),
    "UUIDs": ({UUID(int=5): 1}, {"00000000-0000-0000-0000-000000000005": 1}),
    "large integers": ({2**64: 1}, {str(2**64): 1}),
    "texts of a subclass": ({OwnText("k"): 1}, {"k": 1}),
    "lone surrogates": ({"\ud800": 1}, {"\ufffd": 1}),
    "clash": ({1: "a", "1": "b"}, {"1": "a", "1#2": "b"}),
    "clash in the other order": ({"1": "a", 1: "b"}, {"1": "a", "1#2": "b"}),
    "clash of three": ({"1": 1, 1: 2, b"1": 3}, {"1": 1, "1#2": 2, "1#3": 3}),
    "clash with a numbered key": ({"1": 1, "1#2": 2, 1: 3}, {"1": 1, "1#2": 2, "1#3": 3}),
    "failing str": ({FailingStr(): 1, "k": 2}, {"[unserializable FailingStr]": 1, "k": 2}),
    "failing repr in a tuple": (
        {(FailingRepr(),): 1, "k": 2},
        {"[unserializable tuple]": 1, "k": 2},
    ),
}


@pytest.mark.parametrize(("value", "form"), KEYS.values(), ids=KEYS)
def test_every_key_becomes_text_and_none_is_lost(value, form):
    """Of two keys with the same text, the second one gets a number."""
    assert written(value) == form


def test_many_keys_with_the_same_text_are_all_kept():
    """The time grows in proportion to the number of keys: 20,000 of them take a moment."""
    found = written({Bare(): number for number in range(20_000)})

    assert sorted(found.values()) == list(range(20_000))


@pytest.mark.parametrize("levels", [1, 64, 90])
def test_nesting_up_to_ninety_levels_is_kept(levels):
    """Real events stay far below that."""
    assert written(nested(levels)) == nested(levels)
    assert written({"k": nested(levels - 1)}) == {"k": nested(levels - 1)}


@pytest.mark.parametrize("levels", [150, 200, 254, 255, 900, 2000, 100_000])
@pytest.mark.parametrize("container", ["list", "dict"])
def test_deeper_nesting_is_cut_and_marked(levels, container):
    """The result stays within the depth that common JSON parsers accept."""
    value = 0
    for _ in range(levels):
        value = [value] if container == "list" else {"k": value}
    line = encode({"timestamp": datetime.now(UTC), "data": value})

    assert depth(parse_strictly(line)) == MAX_DEPTH
    assert json.dumps(TOO_DEEP).encode() in line


@pytest.mark.parametrize("levels", [150, 255, 2000, 100_000])
def test_deeply_nested_tuples_are_cut_and_do_not_end_the_process(levels):
    """In its own process, since orjson 3.12 and 3.13 overflow the stack and end it."""
    code = (
        "import sys; from datetime import UTC, datetime; from functools import reduce\n"
        "from eventtracking.serialization import encode\n"
        f"value = reduce(lambda inner, _: (inner,), range({levels}), 0)\n"
        "sys.stdout.buffer.write(encode({'timestamp': datetime.now(UTC), 'data': value}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=300)

    assert depth(parse_strictly(run.stdout)) == MAX_DEPTH


def test_a_wide_event_is_not_mistaken_for_a_deep_one():
    """Ten thousand small containers, or brackets in a text, are kept."""
    assert written([[{}]] * 10_000) == [[{}]] * 10_000
    assert written("[{" * 1000) == "[{" * 1000


def test_a_container_inside_itself_is_replaced_by_a_mark():
    """Cycles are found in lists, dicts, other mappings and dataclasses."""
    items, order = [1], Order(1)
    items.append(items)
    order.lines.append(order)
    proxied = {}
    proxied["self"] = MappingProxyType(proxied)

    assert written(items) == [1, CYCLE]
    assert written(order) == {"number": 1, "lines": [CYCLE]}
    assert written(proxied) == {"self": {"self": CYCLE}}


def test_an_array_that_never_becomes_a_list_is_cut():
    """Its `tolist()` always returns another array."""
    value = written(EndlessArray())

    assert value == TOO_DEEP


def test_a_list_whose_iter_raises_is_written():
    """Measuring its depth does not call `__iter__` either."""
    assert written(FailingList([[]] * 500)) == [[]] * 500


def test_a_generator_is_not_consumed():
    """The generator belongs to the caller."""
    numbers = (n for n in range(3))
    written({"numbers": numbers, "set": {1}})

    assert list(numbers) == [0, 1, 2]


def test_a_hundred_megabytes_are_one_line():
    """Only a guard such as `SizeGuard` limits the size of an event."""
    line = encode({"timestamp": datetime.now(UTC), "data": "x" * 100_000_000})

    assert len(line) > 100_000_000
    assert line.endswith(b'xxx"}\n')
    assert line.count(b"\n") == 1


def test_no_character_breaks_the_line():
    """Every code point is safe in keys and in values."""
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    line = encode({"timestamp": datetime.now(UTC), text: text})

    assert parse_strictly(line)[text] == text


def test_no_control_character_is_written_raw():
    """C0 and C1 are escaped, so that showing a log in a terminal runs no escape sequence."""
    line = encode({"data": "".join(map(chr, [*range(32), *range(128, 160)]))})
    raw = {ord(character) for character in line.decode()[:-1]}

    assert raw & {*range(32), *range(128, 160)} == set()


@pytest.mark.parametrize(
    "event", [None, 5, "text", [1], (), b"x", {1, 2}, Bare(), FailingStr(), {}]
)
def test_a_value_that_is_not_an_event_is_written_too(event):
    """A processor may return any value."""
    assert parse_strictly(encode(event)) == plain(event)


@pytest.mark.parametrize(
    "stamp",
    [
        None,
        "2026-01-02",
        5,
        FailingStr(),
        NAIVE,
        pytz.utc.localize(NAIVE),
        datetime.min.replace(tzinfo=UTC),
    ],
)
def test_any_timestamp_is_written(stamp):
    """A timestamp that is not a datetime is written like any other value."""
    assert parse_strictly(encode({"timestamp": stamp}))["timestamp"] == plain(stamp)


def test_the_fast_path_writes_the_same_timestamp():
    """A reader cannot tell which path wrote an event."""
    for microsecond in (0, 5, 999_999):
        stamp = datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)
        fast = parse_strictly(encode({"timestamp": stamp}))
        slow = parse_strictly(encode({"timestamp": stamp, "set": {1}}))

        assert fast["timestamp"] == slow["timestamp"] == stamp.isoformat()


def test_encoding_does_not_change_the_event():
    """Other backends share it."""
    stamp = datetime.now(UTC)
    event = {"timestamp": stamp, "data": {1: {2}, "k": [math.nan]}}
    encode(event)

    assert event["timestamp"] is stamp
    assert list(event["data"]) == [1, "k"]


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (None, "2026-07-01T12:00:00+00:00"),
        (UTC, "2026-07-01T12:00:00+00:00"),
        (pytz.timezone("Europe/Berlin"), "2026-07-01T10:00:00+00:00"),
        (ZoneInfo("Europe/Berlin"), "2026-07-01T10:00:00+00:00"),
        (timezone(timedelta(hours=3)), "2026-07-01T09:00:00+00:00"),
    ],
)
def test_naive_datetimes_are_read_in_the_chosen_zone(zone, text):
    """A pytz zone uses its `localize`, not the local mean time of 1890."""
    read_naive_in(zone)

    assert written(NAIVE) == text
    assert parse_strictly(encode({"timestamp": NAIVE}))["timestamp"] == text


def test_times_that_daylight_saving_skips_or_repeats_are_written():
    """One of the possible readings is chosen, and nothing is raised."""
    read_naive_in(pytz.timezone("Europe/Berlin"))
    skipped = NAIVE.replace(month=3, day=29, hour=2, minute=30)
    repeated = NAIVE.replace(month=10, day=25, hour=2, minute=30)

    assert written(skipped).startswith("2026-03-29T0")
    assert written(repeated).startswith("2026-10-25T0")


def test_threads_may_change_an_event_while_it_is_encoded():
    """For a few seconds, every line is complete, strict and holds every key."""
    shared = {f"k{n}": [n, {"n": n}] for n in range(100)}
    unusual = {"set": {1, 2}, 5: "five"}
    done = threading.Event()

    def change():
        number = 0
        while not done.is_set():
            number += 1
            shared[f"new{number}"] = [number]
            shared.pop(f"new{number - 1}", None)
            unusual[number % 50 + 10] = {number}
            unusual["set"].add(number % 100)
            unusual["set"].discard((number + 50) % 100)
            shared["k0"].append(number)
            shared["k0"].pop()

    def write():
        try:
            for _ in range(800):
                found = written({"plain": shared, "unusual": unusual})
                assert {f"k{n}" for n in range(100)} <= set(found["plain"])
                assert {"set", "5"} <= set(found["unusual"])
        finally:
            done.set()

    in_threads([write, change, change])


# Drawn by name: Hypothesis prints the values that it draws, and some of these cannot be printed.
UNUSUAL = st.sampled_from(sorted(FORMS)).map(lambda name: FORMS[name][0])
UNUSUAL_KEY = st.sampled_from(sorted(KEYS)).map(lambda name: next(iter(KEYS[name][0])))
TEXT = st.text(st.characters(exclude_categories=()))
ANYTHING = st.recursive(
    UNUSUAL | TEXT | st.integers() | st.floats() | st.datetimes() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(TEXT | UNUSUAL_KEY | st.integers() | st.floats(allow_nan=False), inner)
        | st.tuples(inner)
        | st.lists(inner).map(deque)
        | st.builds(SimpleNamespace, a=inner)
        | st.builds(Order, inner)
        | st.builds(Array, inner)
    ),
    max_leaves=25,
)
CLEAN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=25,
)


@given(ANYTHING)
@hypothesis_settings(max_examples=300)
def test_any_value_becomes_one_strict_line(value):
    """Reading the line and writing it again gives the same line."""
    line = encode({"name": "a", "timestamp": datetime.now(UTC), "data": value})
    event = parse_strictly(line)

    assert encode(event) == line


@given(ANYTHING)
@hypothesis_settings(max_examples=300)
def test_a_copy_is_written_like_the_original(value):
    """A backend that gets a copy writes the same line as one that does not."""
    assert parse_strictly(encode({"data": copy_value(value)})) == parse_strictly(
        encode({"data": value})
    )


@given(CLEAN)
@hypothesis_settings(max_examples=300)
def test_plain_json_values_come_back_unchanged(value):
    """Nothing is rounded, renamed or reordered."""
    assert written(value) == value
    assert json.dumps(written(value)) == json.dumps(value)


@given(st.dictionaries(TEXT | st.integers() | st.none() | st.binary(), st.booleans()))
def test_no_key_is_ever_lost(value):
    """The line has as many keys as the dict."""
    assert sorted(written(value).values()) == sorted(value.values())
