"""The guard lets no secret pass, and changes nothing that is harmless."""

import gc
import json
import re
import subprocess
import sys
import threading
import types
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import held_out_cases as held_out
import pytest
import secret_cases as cases

from eventtracking import serialization
from eventtracking.backends.memory import MemoryBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.tracker import Tracker

SECRETS = [*cases.secrets(), *held_out.secrets()]
HARMLESS = [*cases.harmless(), *held_out.harmless()]
MARK = "[redacted]"

guard = SensitiveFieldGuard()
strict_guard = SensitiveFieldGuard(pii=True)


def event(data, **context):
    stamp = datetime(2026, 11, 23, tzinfo=UTC)
    return {"name": "edx.test.done", "timestamp": stamp, "data": data, "context": context}


def written(value):
    """Return *value* as it is written to the log, with non-ASCII characters unescaped."""
    return json.dumps(json.loads(serialization.encode(value)), ensure_ascii=False)


def guarded(data):
    return guard(event(data))["data"]


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.label)
def test_a_secret_is_redacted_and_the_text_around_it_is_kept(case):
    """The line of the log shows it."""
    before, after = written(event(case.data)), written(guard(event(case.data)))

    assert all(secret in before and secret not in after for secret in case.gone)
    assert [text for text in case.kept if text not in after] == []


@pytest.mark.parametrize(("label", "data"), HARMLESS, ids=[label for label, _ in HARMLESS])
def test_a_harmless_event_passes_unchanged(label, data):
    """Even if parts of it resemble secrets."""
    assert guard(event(data)) == event(data)


def test_the_labelled_set_is_large():
    """Rules that fit so many cases fit others, too."""
    assert len(SECRETS) > 400
    assert sum(case.is_hard for case in SECRETS) > 150
    assert len(HARMLESS) > 350


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.label)
def test_a_guarded_event_passes_a_second_guard_unchanged(case):
    """It finds no secrets in the marks of the first."""
    once = guard(event(case.data))

    assert written(guard(once)) == written(once)


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.label)
def test_the_original_event_is_not_modified(case):
    """The objects belong to the caller."""
    before = event(case.data)
    copied = written(before)

    guard(before)

    assert written(before) == copied


def test_an_event_without_secrets_is_not_copied():
    """The same object is returned."""
    ordinary = event({"course_id": "course-v1:A+B+C", "page": 3}, username="ana", session="0" * 32)

    assert guard(ordinary) is ordinary


@pytest.mark.parametrize("case", [*cases.personal()], ids=lambda case: case.label)
def test_personal_data_is_redacted_on_request(case):
    """Without the option it is kept."""
    hidden, shown = written(strict_guard(event(case.data))), written(guard(event(case.data)))

    assert all(name in shown and name not in hidden for name in case.gone)
    assert [text for text in case.kept if text not in hidden] == []


@pytest.mark.parametrize(("label", "text"), [*cases.not_personal()])
def test_data_that_only_looks_personal_is_kept(label, text):
    """Usage keys contain an @, versions four numbers."""
    assert strict_guard(event({"value": text})) == event({"value": text})


def test_a_version_is_kept_under_the_name_of_a_version():
    """Only the name tells it from an IP address."""
    data = {"app_version": "1.2.3.4", "ip": "1.2.3.4"}

    assert strict_guard(event(data))["data"] == {"app_version": "1.2.3.4", "ip": MARK}


@pytest.mark.parametrize("empty", [None, "", True, False, "********", [], {}, "[redacted]", "null"])
def test_a_value_that_reveals_nothing_is_kept(empty):
    """That a password was empty is not a secret."""
    assert guarded({"password": empty}) == {"password": empty}


def test_a_container_under_a_sensitive_name_keeps_its_shape():
    """The keys and the number of items stay, every value goes."""
    secret = cases.word()
    data = {"credentials": {"user": "ana", "keys": [secret, 5, None], "new": True}}

    assert guarded(data) == {"credentials": {"user": MARK, "keys": [MARK, MARK, None], "new": True}}


def test_the_session_of_our_own_middleware_is_kept():
    """It is a salted hash. A raw session key is redacted."""
    salted, raw = cases.hexadecimal(32), cases.some(32)

    assert guard(event({}, session=salted))["context"] == {"session": salted}
    assert guard(event({}, session=raw))["context"] == {"session": MARK}


def test_the_name_and_the_context_of_an_event_are_redacted():
    """Everything that is written is examined."""
    secret = cases.word()
    emitted = {**event({}, referer=f"/?token={secret}"), "name": f"/login?password={secret}"}

    assert guard(emitted) == {
        **event({}, referer=f"/?token={MARK}"),
        "name": f"/login?password={MARK}",
    }


def test_two_secret_keys_do_not_become_one():
    """Neither value is lost."""
    data = {"ghp" + "_" + cases.some(36): 1, "ghp" + "_" + cases.some(36): 2}

    assert guarded(data) == {MARK: 1, f"{MARK}#2": 2}


def test_json_without_a_secret_is_kept_byte_for_byte():
    """Spaces, the notation of numbers, the order, duplicate keys."""
    text = '{ "b":1.50,"a" : [1e5,  null], "a": "\\u00e9" }'

    assert guarded({"event": text}) == {"event": text}


@pytest.mark.parametrize("style", [{}, {"separators": (",", ":")}, {"indent": 2}])
def test_json_keeps_its_style(style):
    """Only the secret is replaced."""
    before, after = {"a": [1, "é"], "password": cases.word()}, {"a": [1, "é"], "password": MARK}

    text = guarded({"event": json.dumps(before, **style)})["event"]

    assert text == json.dumps(after, **style)


def test_a_text_with_too_many_layers_of_encoding_is_redacted_whole():
    """Eight layers are decoded; more of them are an attempt to hide something."""
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


def test_json_nested_deeper_than_an_event_is_treated_as_plain_text():
    """It is not cut, and the secret in it is found."""
    secret = cases.word()
    harmless = "[" * 300 + "1" + "]" * 300

    data = {"a": harmless, "b": harmless.replace("1", f'{{"password": "{secret}"}}')}

    assert guarded(data) == {"a": harmless, "b": data["b"].replace(secret, MARK)}


@pytest.mark.parametrize(
    "value", [5, 1.5, Decimal("1.5"), UUID(int=7), datetime(2026, 1, 1, tzinfo=UTC)]
)
def test_a_value_of_any_type_is_redacted_under_a_sensitive_name(value):
    """A number may be a password."""
    assert guarded({"password": value, "n": value}) == {"password": MARK, "n": value}


def test_bytes_stay_bytes():
    """In their original encoding."""
    data = {"body": b"page=1&password=" + cases.word().encode() + b"&x=2", "file": b"\xff\x00"}

    assert guarded(data) == {"body": f"page=1&password={MARK}&x=2".encode(), "file": b"\xff\x00"}


def test_containers_keep_their_types():
    """Named tuples, deques, sets."""
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
    """A harmless member and a secret one."""

    RED = "red"
    SECRET = "password=" + cases.word()


class Changing:
    """An object with another text for each reader."""

    def __init__(self, secret):
        self._texts = iter(["harmless", *[f"password={secret}"] * 5])

    def __str__(self):
        return next(self._texts)


class Lying(str):
    """A text that claims to be another one, and to equal any other."""

    __slots__ = ()

    def __str__(self):
        return "harmless"

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("harmless")


class Pretending(dict):
    """A dict that hides its items."""

    def items(self):
        return {}.items()

    def values(self):
        return []

    def __iter__(self):
        return iter(())


class Disguised:
    """An object that claims to be a text."""

    def __init__(self, text):
        self._text = text

    @property
    def __class__(self):
        return str

    def __str__(self):
        return self._text


class Numbers:
    """An object like a NumPy array."""

    def __init__(self, *items):
        self._items = items

    def tolist(self):
        return [*self._items]


def hostile(secret):
    """Yield values that contain *secret*, each in a different way."""
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
def test_no_object_hides_its_secret_from_the_guard(number):
    """The result consists of plain values and of constants that were examined."""
    secret = cases.word(14)
    value = [*hostile(secret)][number]

    assert secret not in written(guard(event({"value": value})))


def test_harmless_objects_become_their_plain_form():
    """A lazy text becomes its text, a lock a mark; constants are kept."""
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


def test_cycles_and_deep_nesting_are_cut_and_marked():
    """As in the JSON of the log."""
    looped = {"n": 1}
    looped["self"] = looped
    deep = []
    for _ in range(200):
        deep = [deep]

    found = guarded({"looped": looped, "deep": deep})

    assert found["looped"] == {"n": 1, "self": "[cycle]"}
    assert "[too deep]" in written(found["deep"])


class Refusing(UserDict):
    """A mapping that cannot be read."""

    def items(self):
        raise RuntimeError("no")


def test_an_event_that_cannot_be_examined_is_dropped_and_counted():
    """The guard fails closed: a lost event is better than a leaked secret."""
    backend = MemoryBackend()
    tracker = Tracker({"memory": backend}, processors=[guard])

    tracker.emit("a", {"value": Refusing(password=cases.word())})
    tracker.emit("b", {"value": 1})

    assert [kept["name"] for kept in backend.events] == ["b"]
    assert tracker.stats()["lost"] == {"guard_failed": 1}


def test_the_replacement_can_be_any_text():
    """Even an empty one."""
    secret = cases.word()

    for replacement in ("***", ""):
        found = SensitiveFieldGuard(replacement=replacement)(
            event({"password": secret, "q": f"token={secret}&a=1"})
        )
        assert found["data"] == {"password": replacement, "q": f"token={replacement}&a=1"}


@pytest.mark.parametrize("name", ["badge_number", "badgeNumber", "BADGE-NUMBER", "Badge Number"])
def test_extra_keys_match_in_any_style(name):
    """The style may differ between the option and the field."""
    own = SensitiveFieldGuard(extra_keys=["badge-number"])
    data = {name: 17, "badge": 3, "text": f"{name.replace(' ', '_')}=17"}

    assert own(event(data))["data"] == {
        **data,
        name: MARK,
        "text": data["text"].replace("17", MARK),
    }
    assert guarded(data) == data


@pytest.mark.parametrize("name", ["card_pin", "cardPin", "CARD-PIN"])
def test_allow_keys_declare_names_harmless(name):
    """Their values are still examined."""
    own = SensitiveFieldGuard(allow_keys=["Card Pin"], extra_keys=["card_pin"])
    token = "ghp" + "_" + cases.some(36)

    assert own(event({name: 1234, "a": {name: token}}))["data"] == {name: 1234, "a": {name: MARK}}
    assert own(event({"secret": {name: 1234}}))["data"] == {"secret": {name: 1234}}


@pytest.mark.parametrize("pattern", [r"\bE-\d{4}\b", re.compile(r"\be-\d{4}\b", re.IGNORECASE)])
def test_matches_of_extra_patterns_are_redacted(pattern):
    """Wherever they are, encoded ones included."""
    own = SensitiveFieldGuard(extra_patterns=[pattern])
    data = {"a": "see E-1234 now", "b": "x%3DE-1234", "E-1234": ["E-12345"]}

    assert own(event(data))["data"] == {
        "a": f"see {MARK} now",
        "b": f"x%3D{MARK}",
        MARK: ["E-12345"],
    }


def test_extra_patterns_apply_to_numbers():
    """To their text, as it is written."""
    own = SensitiveFieldGuard(extra_patterns=[r"^77\d{4}$"])

    assert own(event({"a": 771234, "b": 7712345, "c": True}))["data"] == {
        "a": MARK,
        "b": 7712345,
        "c": True,
    }


@pytest.mark.parametrize(
    ("options", "message"),
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
def test_an_invalid_option_is_refused(options, message):
    """The error names the option and its value."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"SensitiveFieldGuard: {message}")):
        SensitiveFieldGuard(**options)


def test_the_repr_reveals_no_pattern():
    """A pattern may contain a secret."""
    own = SensitiveFieldGuard(extra_patterns=["ANA-1234"], pii=True)

    assert repr(own) == "<SensitiveFieldGuard pii=True extra_patterns=1>"


def test_the_guard_fails_closed():
    """The router asks for this attribute."""
    assert SensitiveFieldGuard.fails_closed is True


def reachable_texts(root):
    """Return all texts that *root* keeps in memory."""
    code = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
    found, seen, waiting = set(), set(), [root]
    while waiting:
        each = waiting.pop()
        if type(each) is str:
            found.add(each)
        elif id(each) not in seen and not isinstance(each, code):
            seen.add(id(each))
            waiting += referents(each)
    return found


def referents(value):
    # The garbage collector ignores a dict or tuple that holds only texts.
    if type(value) is dict:
        return [*value, *value.values()]
    return value if type(value) is tuple else gc.get_referents(value)


def test_the_caches_are_bounded():
    """A program that makes up names and texts does not fill the memory."""
    own = SensitiveFieldGuard()
    for number in range(12_000):
        own(event({f"field_{number}": f"text {number} of name_{number}: x"}))

    texts = reachable_texts(own)

    assert sum(text.startswith("field_") for text in texts) <= 8192
    assert sum(text.startswith("text ") for text in texts) <= 2048
    # The names within texts, which are read backwards.
    assert sum(text.endswith("_eman") for text in texts) <= 2048


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


@pytest.mark.parametrize("repeated", ATTACKS)
def test_no_text_of_a_megabyte_hangs_the_guard(repeated):
    """Each character is read a bounded number of times. Five minutes are for slow machines."""
    root = Path(__file__).parents[2]

    finished = subprocess.run(
        [sys.executable, "-c", ATTACK, repeated], cwd=root, timeout=300, check=False
    )

    assert finished.returncode == 0


def test_equal_events_give_equal_results():
    """No result depends on earlier events."""
    data = {"password": cases.word(), "n": 4, "text": f"a {cases.card()} b"}
    fresh = SensitiveFieldGuard()

    assert fresh(event(deepcopy(data))) == guard(event(data)) == fresh(event(data))
