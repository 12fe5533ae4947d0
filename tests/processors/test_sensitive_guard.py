"""No secret gets past the guard, and nothing harmless is touched."""

import json
import re
import subprocess
import sys
import threading
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
import sensitive_blind_cases as blind
import sensitive_cases as cases

from eventtracking import serialization
from eventtracking.backends.memory import MemoryBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.tracker import Tracker

SECRETS = [*cases.secrets(), *blind.secrets()]
HARMLESS = [*cases.harmless(), *blind.harmless()]
MARK = "[redacted]"

guard = SensitiveFieldGuard()
strict_guard = SensitiveFieldGuard(pii=True)


def event(data, **context):
    stamp = datetime(2026, 11, 23, tzinfo=UTC)
    return {"name": "edx.test.done", "timestamp": stamp, "data": data, "context": context}


def written(value):
    """Return what a reader of the log sees of *value*, without JSON's own escapes of letters."""
    return json.dumps(json.loads(serialization.encode(value)), ensure_ascii=False)


def guarded(data):
    return guard(event(data))["data"]


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.label)
def test_a_secret_is_gone_and_what_stands_around_it_is_not(case):
    """In what is written to a log in the end."""
    before, after = written(event(case.data)), written(guard(event(case.data)))

    assert all(secret in before and secret not in after for secret in case.gone)
    assert [text for text in case.kept if text not in after] == []


@pytest.mark.parametrize(("label", "data"), HARMLESS, ids=[label for label, _ in HARMLESS])
def test_a_harmless_event_comes_out_as_it_went_in(label, data):
    """Also one that looks dangerous to somebody who reads only parts of it."""
    assert guard(event(data)) == event(data)


def test_the_labelled_set_is_large():
    """So that a rule cannot be bent to it."""
    assert len(SECRETS) > 400
    assert sum(case.is_hard for case in SECRETS) > 150
    assert len(HARMLESS) > 350


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.label)
def test_what_was_guarded_once_stays_as_it_is(case):
    """A second guard finds nothing more to do, and no mark in a mark."""
    once = guard(event(case.data))

    assert written(guard(once)) == written(once)


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.label)
def test_the_event_it_is_called_with_stays_as_it_is(case):
    """A direct caller's objects are the caller's."""
    before = event(case.data)
    copied = written(before)

    guard(before)

    assert written(before) == copied


def test_an_ordinary_event_is_not_even_copied():
    """It holds nothing to change."""
    ordinary = event({"course_id": "course-v1:A+B+C", "page": 3}, username="ana", session="0" * 32)

    assert guard(ordinary) is ordinary


@pytest.mark.parametrize("case", [*cases.personal()], ids=lambda case: case.label)
def test_what_names_a_person_is_hidden_if_asked_for(case):
    """And only then."""
    hidden, shown = written(strict_guard(event(case.data))), written(guard(event(case.data)))

    assert all(name in shown and name not in hidden for name in case.gone)
    assert [text for text in case.kept if text not in hidden] == []


@pytest.mark.parametrize(("label", "text"), [*cases.not_personal()])
def test_what_looks_like_a_person_and_is_none_stays(label, text):
    """Usage keys have an @, versions have four numbers."""
    assert strict_guard(event({"value": text})) == event({"value": text})


def test_a_version_is_no_address_under_the_name_of_a_version():
    """There is no other way to tell."""
    data = {"app_version": "1.2.3.4", "ip": "1.2.3.4"}

    assert strict_guard(event(data))["data"] == {"app_version": "1.2.3.4", "ip": MARK}


@pytest.mark.parametrize("empty", [None, "", True, False, "********", [], {}, "[redacted]", "null"])
def test_a_value_that_says_nothing_stays(empty):
    """Whether there was a password is worth knowing, and no secret."""
    assert guarded({"password": empty}) == {"password": empty}


def test_a_container_under_a_sensitive_name_keeps_its_shape():
    """The keys and the number of items stay, every value goes."""
    secret = cases.word()
    data = {"credentials": {"user": "ana", "keys": [secret, 5, None], "new": True}}

    assert guarded(data) == {"credentials": {"user": MARK, "keys": [MARK, MARK, None], "new": True}}


def test_the_session_of_our_own_middleware_stays():
    """It is a salted hash. The key of a session itself is not."""
    salted, raw = cases.hexadecimal(32), cases.some(32)

    assert guard(event({}, session=salted))["context"] == {"session": salted}
    assert guard(event({}, session=raw))["context"] == {"session": MARK}


def test_the_name_of_an_event_and_its_context_are_looked_at_too():
    """Whatever can be written is."""
    secret = cases.word()
    emitted = {**event({}, referer=f"/?token={secret}"), "name": f"/login?password={secret}"}

    assert guard(emitted) == {
        **event({}, referer=f"/?token={MARK}"),
        "name": f"/login?password={MARK}",
    }


def test_two_secret_names_do_not_become_one():
    """Neither value is lost."""
    data = {"ghp" + "_" + cases.some(36): 1, "ghp" + "_" + cases.some(36): 2}

    assert guarded(data) == {MARK: 1, f"{MARK}#2": 2}


def test_a_text_of_json_without_a_secret_stays_to_the_byte():
    """Spaces, the form of numbers, the order and doubled names."""
    text = '{ "b":1.50,"a" : [1e5,  null], "a": "\\u00e9" }'

    assert guarded({"event": text}) == {"event": text}


@pytest.mark.parametrize("style", [{}, {"separators": (",", ":")}, {"indent": 2}])
def test_a_text_of_json_keeps_its_style(style):
    """Only the secret is another."""
    before, after = {"a": [1, "é"], "password": cases.word()}, {"a": [1, "é"], "password": MARK}

    text = guarded({"event": json.dumps(before, **style)})["event"]

    assert text == json.dumps(after, **style)


def test_a_text_escaped_too_often_to_be_read_is_hidden_whole():
    """Eight layers are read; a ninth is there to hide something."""
    secret = cases.word()
    few = many = f"?a=1&token={secret}"
    for _ in range(6):
        few = quote(few, "")
    for _ in range(12):
        many = quote(many, "")

    found = guarded({"few": few, "many": many})

    assert secret not in found["few"]
    assert found["few"].endswith(MARK)
    assert found["many"] == MARK


def test_json_nested_deeper_than_an_event_is_read_as_a_text():
    """It is not cut, and what it holds is found."""
    secret = cases.word()
    harmless = "[" * 300 + "1" + "]" * 300

    data = {"a": harmless, "b": harmless.replace("1", f'{{"password": "{secret}"}}')}

    assert guarded(data) == {"a": harmless, "b": data["b"].replace(secret, MARK)}


@pytest.mark.parametrize(
    "value", [5, 1.5, Decimal("1.5"), UUID(int=7), datetime(2026, 1, 1, tzinfo=UTC)]
)
def test_a_value_of_any_kind_is_hidden_under_a_sensitive_name(value):
    """A number may be a password."""
    assert guarded({"password": value, "n": value}) == {"password": MARK, "n": value}


def test_bytes_stay_bytes():
    """In the encoding that they were in."""
    data = {"body": b"page=1&password=" + cases.word().encode() + b"&x=2", "file": b"\xff\x00"}

    assert guarded(data) == {"body": f"page=1&password={MARK}&x=2".encode(), "file": b"\xff\x00"}


def test_kinds_of_containers_stay_what_they_are():
    """Named tuples, queues, sets."""
    pair = namedtuple("pair", "name note")  # noqa: PYI024
    secret = cases.word()
    text = f"token={secret}"

    found = guarded({"a": pair("ana", text), "b": deque([text]), "c": {text}, "d": (text, 1)})

    hidden = f"token={MARK}"
    assert found == {
        "a": pair("ana", hidden),
        "b": deque([hidden]),
        "c": {hidden},
        "d": (hidden, 1),
    }
    assert [type(each) for each in found.values()] == [pair, deque, set, tuple]


class Colour(Enum):
    """A harmless constant, and one that is not."""

    RED = "red"
    SECRET = "password=" + cases.word()


class Changing:
    """It shows another face to each reader."""

    def __init__(self, secret):
        self._faces = iter(["harmless", *[f"password={secret}"] * 5])

    def __str__(self):
        return next(self._faces)


class Lying(str):
    """A text that says it is another one, and equals any."""

    __slots__ = ()

    def __str__(self):
        return "harmless"

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("harmless")


class Pretending(dict):
    """A dict that shows nothing of itself."""

    def items(self):
        return {}.items()

    def values(self):
        return []

    def __iter__(self):
        return iter(())


class Disguised:
    """An object that says that it is a text."""

    def __init__(self, text):
        self._text = text

    @property
    def __class__(self):
        return str

    def __str__(self):
        return self._text


class Numbers:
    """Like an array of numpy's."""

    def __init__(self, *items):
        self._items = items

    def tolist(self):
        return [*self._items]


def hostile(secret):
    """Yield values with *secret* somewhere in them, each in another way."""
    text = f"password={secret}"
    nested = text
    for _ in range(150):
        nested = [nested]
    looped = {"a": text}
    looped["loop"] = looped
    yield from (Changing(secret), Lying(text), Pretending(a=text), Disguised(text), Numbers(text))
    yield from ({Lying(text): 1}, {("a", text): 1}, {frozenset([text]): 1}, {text.encode(): 1})
    yield from (nested, looped, OrderedDict(a=text), defaultdict(list, a=[text]), UserDict(a=text))
    yield from (Colour.SECRET, {Colour.SECRET: 1}, memoryview(text.encode()), Exception(text))
    yield from ({"a": text}.items(), {text: 1}.keys(), {"a": text}.values(), frozenset([text]))
    yield from (f"\0{text}", {f"a\0{text}": 1}, {"a\0password": secret}, f"\ud800{text}")
    yield from (
        {"\ud800pass\u200bword": secret},
        {"password": Changing(secret)},
        bytearray(text, "ascii"),
    )
    yield from (
        {"password": {1: {2: (secret,)}}},
        {True: text, None: text},
        cases.Login("a", secret),
    )


@pytest.mark.parametrize("number", range(len([*hostile("")])))
def test_no_object_hides_a_secret_until_it_is_written(number):
    """What comes out is made of plain parts, or of constants that were looked into."""
    secret = cases.word(14)
    value = [*hostile(secret)][number]

    assert secret not in written(guard(event({"value": value})))


def test_harmless_objects_come_out_as_they_are_written():
    """A lazy text as its text, a lock as a mark; constants as they are."""
    data = {
        "lazy": cases.Lazy("hello"),
        "lock": threading.Lock(),
        "n": Decimal("1.5"),
        "c": Colour.RED,
    }

    assert guarded(data) == {
        "lazy": "hello",
        "lock": "[unserializable lock]",
        "n": Decimal("1.5"),
        "c": Colour.RED,
    }


def test_loops_and_depths_are_cut_and_marked():
    """As they are in JSON."""
    looped = {"n": 1}
    looped["me"] = looped
    deep = []
    for _ in range(200):
        deep = [deep]

    found = guarded({"looped": looped, "deep": deep})

    assert found["looped"] == {"n": 1, "me": "[cycle]"}
    assert "[too deep]" in written(found["deep"])


class Refusing(UserDict):
    """A mapping that cannot be read."""

    def items(self):
        raise RuntimeError("no")


def test_an_event_that_cannot_be_looked_into_is_dropped_and_counted():
    """The guard fails closed: better no event than one with a secret."""
    backend = MemoryBackend()
    tracker = Tracker({"memory": backend}, processors=[guard])

    tracker.emit("a", {"value": Refusing(password=cases.word())})
    tracker.emit("b", {"value": 1})

    assert [kept["name"] for kept in backend.events] == ["b"]
    assert tracker.stats()["lost"] == {"guard_failed": 1}


def test_the_mark_can_be_another():
    """Any text, also none at all."""
    secret = cases.word()

    for mark in ("***", ""):
        found = SensitiveFieldGuard(replacement=mark)(
            event({"password": secret, "q": f"token={secret}&a=1"})
        )
        assert found["data"] == {"password": mark, "q": f"token={mark}&a=1"}


@pytest.mark.parametrize("name", ["badge_number", "badgeNumber", "BADGE-NUMBER", "Badge Number"])
def test_more_names_are_sensitive_in_any_style(name):
    """Both the option and the field."""
    own = SensitiveFieldGuard(extra_keys=["badge-number"])
    data = {name: 17, "badge": 3, "text": f"{name.replace(' ', '_')}=17"}

    assert own(event(data))["data"] == {
        **data,
        name: MARK,
        "text": data["text"].replace("17", MARK),
    }
    assert guarded(data) == data


@pytest.mark.parametrize("name", ["card_pin", "cardPin", "CARD-PIN"])
def test_a_name_can_be_declared_harmless(name):
    """Its values are still looked at."""
    own = SensitiveFieldGuard(allow_keys=["Card Pin"], extra_keys=["card_pin"])
    token = "ghp" + "_" + cases.some(36)

    assert own(event({name: 1234, "a": {name: token}}))["data"] == {name: 1234, "a": {name: MARK}}
    assert own(event({"secret": {name: 1234}}))["data"] == {"secret": {name: 1234}}


@pytest.mark.parametrize("pattern", [r"\bE-\d{4}\b", re.compile(r"\be-\d{4}\b", re.IGNORECASE)])
def test_more_patterns_are_secrets(pattern):
    """Wherever they stand, also escaped."""
    own = SensitiveFieldGuard(extra_patterns=[pattern])
    data = {"a": "see E-1234 now", "b": "x%3DE-1234", "E-1234": ["E-12345"]}

    assert own(event(data))["data"] == {
        "a": f"see {MARK} now",
        "b": f"x%3D{MARK}",
        MARK: ["E-12345"],
    }


def test_more_patterns_see_numbers_too():
    """As they are written."""
    own = SensitiveFieldGuard(extra_patterns=[r"^77\d{4}$"])

    assert own(event({"a": 771234, "b": 7712345, "c": True}))["data"] == {
        "a": MARK,
        "b": 7712345,
        "c": True,
    }


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"extra_patterns": ["a("]}, "extra_patterns[0] must be a regular expression, got 'a(': "),
        ({"extra_patterns": "abc"}, "extra_patterns must be a list, got 'abc'"),
        ({"extra_patterns": [re.compile(b"a")]}, "extra_patterns[0] must be a regular expression"),
        ({"extra_keys": "password"}, "extra_keys must be a list, got 'password'"),
        ({"extra_keys": [5]}, "extra_keys[0] must be text with a letter or a digit, got 5"),
        ({"allow_keys": ["--"]}, "allow_keys[0] must be text with a letter or a digit, got '--'"),
        ({"allow_keys": 5}, "allow_keys must be a list, got 5"),
        ({"replacement": None}, "replacement must be text, got None"),
        ({"pii": "yes"}, "pii must be true or false, got 'yes'"),
    ],
)
def test_an_option_that_cannot_work_is_refused(options, complaint):
    """When the guard is built, by its name and value."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"SensitiveFieldGuard: {complaint}")):
        SensitiveFieldGuard(**options)


def test_its_repr_tells_no_secret():
    """A pattern may be one."""
    own = SensitiveFieldGuard(extra_patterns=["ANA-1234"], pii=True)

    assert repr(own) == "<SensitiveFieldGuard pii=True extra_patterns=1>"


def test_it_fails_closed():
    """The router asks for that."""
    assert SensitiveFieldGuard.fails_closed is True


def test_many_names_are_not_remembered_for_ever():
    """A program that makes up names does not fill the memory."""
    own = SensitiveFieldGuard()
    for number in range(5000):
        own(event({f"name_{number}": f"text {number} of name_{number}: x"}))

    texts = own._quick._texts
    remembered = (texts._clean, own._quick._known, texts._glance._harmless_names)
    assert max(map(len, remembered)) <= 2048


ATTACKS = [
    *("a", "4", "4 ", "1.", "eyJ", "-", "[", '{"a":', "%25", "\\", "password=", "password:["),
    *("token: 'a ", "Bearer ", "://a:b@", "a@b.c ", "hmac=", "Cookie: ", "password=${"),
]
ATTACK = """
import sys
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
text = (sys.argv[1] * 1_000_000)[:1_000_000]
SensitiveFieldGuard(pii=True)({"name": "a", "data": {"text": text}, "context": {}})
"""


@pytest.mark.parametrize("part", ATTACKS)
def test_no_text_of_a_megabyte_hangs_the_guard(part):
    """It reads each letter a bounded number of times. Five minutes are for slow machines."""
    root = Path(__file__).parents[2]

    finished = subprocess.run(
        [sys.executable, "-c", ATTACK, part], cwd=root, timeout=300, check=False
    )

    assert finished.returncode == 0


def test_equal_events_give_equal_results():
    """Nothing in the guard depends on what came before."""
    data = {"password": cases.word(), "n": 4, "text": f"a {cases.card()} b"}
    fresh = SensitiveFieldGuard()

    assert fresh(event(deepcopy(data))) == guard(event(data)) == fresh(event(data))
