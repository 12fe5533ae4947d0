"""Walk through a value of any kind, and return a copy of it without its secrets."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from itertools import count
from types import NoneType
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from eventtracking import serialization
from eventtracking.event import CYCLE, MAX_DEPTH, TOO_DEEP
from eventtracking.redaction import cards, suspicions
from eventtracking.redaction.names import Names, letters, words
from eventtracking.redaction.suspicions import Suspicion
from eventtracking.redaction.text import Texts
from eventtracking.redaction.wordlists import word_set

Above: TypeAlias = tuple[int, ...]
Walker: TypeAlias = Callable[[Any, Any, Suspicion | None, Above], Any]

# Fields that come in pairs: `{"name": "password", "value": "..."}`.
_NAMING = word_set(
    "name key field fieldname header headername setting param parameter parametername paramname "
    "variable property attribute label k option column keyname inputname id inputid"
)
_VALUES = word_set(
    "value val v values content contents text new old newvalue oldvalue current previous "
    "before after from to default input answer rawvalue stringvalue fieldvalue headervalue "
    "paramvalue parametervalue inputvalue"
)
# Of a card, in `{"card": {"number": ...}}`.
_NUMBERS = word_set("number no num nr pan digits")

_PAIR = 2
_LONGEST_NAME = 100
_LONGEST_VERSION = 40

_KINDS = frozenset({"type", "inputtype"})
_VERSION_WORDS = word_set(
    "version versions ver release build revision section chapter firmware oid"
)
_VERSION = re.compile(r"\s*v?\d+(?:\.\d+){1,5}\s*\Z", re.ASCII)

_FIELDS = word_set(
    "email username name first_name last_name user login phone address country city language bio "
    "accept accept-language accept-encoding user-agent host origin referer content-type age gender "
    "title goals level_of_education year_of_birth avatar id time_zone remember submit next"
)

# These cannot change any more, and show the same face to each reader.
_CONSTANTS = (date, datetime, time, timedelta, UUID, Decimal, Fraction, complex)
_PLAIN_NAMES = frozenset({str, int, float, bool, NoneType})

# A field that the names of a list tell of, if the list is not one of names only.
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[_ -][A-Za-z]+)*\Z")


class Values:
    """
    Hide the secrets in values.

    Args:
        names: The judge of names.
        texts: Hides the secrets in a text.
        replacement: What stands in the place of a secret.
        numbers_as_text: Whether numbers are to be shown to *texts*, too.
    """

    def __init__(
        self, *, names: Names, texts: Texts, replacement: str, numbers_as_text: bool
    ) -> None:
        self._names = names
        self._texts = texts
        self._replacement = replacement
        self._numbers_as_text = numbers_as_text

    def scrubbed(self, value: Any) -> Any:
        """Return a copy of *value* without its secrets."""
        return self._walk(value, None, ())

    def _walk(self, value: Any, suspicion: Suspicion | None, above: Above) -> Any:
        walk = self._walker(type(value))  # type: ignore[arg-type]  # types are hashable
        return walk(self, value, suspicion, above)

    def _hides(self, value: Any, suspicion: Suspicion | None) -> bool:
        if suspicion is None or suspicions.is_spared(value):
            return False
        return value != self._replacement and suspicion(value)

    def _itself(self, value: Any, _: Suspicion | None, __: Above) -> Any:
        return value

    def _text(self, value: str, suspicion: Suspicion | None, _: Above) -> Any:
        text = str.__str__(value)
        if self._hides(text, suspicion):
            return self._replacement
        scrubbed = self._texts.scrubbed(text)
        return value if scrubbed == text else scrubbed

    def _integer(self, value: int, suspicion: Suspicion | None, _: Above) -> Any:
        number = int.__int__(value)
        if self._hides(number, suspicion):
            return self._replacement
        if is_card(number):
            return self._replacement
        return self._number(value, suspicion, _)

    def _number(self, value: Any, suspicion: Suspicion | None, _: Above) -> Any:
        if self._hides(value, suspicion):
            return self._replacement
        if self._numbers_as_text and not isinstance(value, bool):
            # An integer of more digits than str() writes is no number of anything.
            text = serialization.plain(value)
            return value if self._texts.scrubbed(str(text)) == str(text) else self._replacement
        return value

    def _constant(self, value: Any, suspicion: Suspicion | None, above: Above) -> Any:
        if suspicion is suspicions.always:
            return self._replacement
        text = serialization.plain(value)
        scrubbed = self._walk(text, None, above)
        return value if scrubbed == text else scrubbed

    def _bytes(self, value: bytes | bytearray, suspicion: Suspicion | None, above: Above) -> Any:
        data = bytes(value)
        # Bytes that are no UTF-8 are looked at as Latin-1, which reads anything.
        encoding = "utf-8" if _is_utf8(data) else "latin-1"
        text = data.decode(encoding)
        scrubbed = self._text(text, suspicion, above)
        if scrubbed == text:
            return value
        return type(value)(scrubbed.encode(encoding, "replace"))

    def _mapping(self, value: dict[Any, Any], suspicion: Suspicion | None, above: Above) -> Any:
        inside = _entered(value, above)
        if isinstance(inside, str):
            return inside
        items = dict.copy(value)
        named = self._named_suspicion(items)
        scrubbed: dict[Any, Any] = {}
        clashes: dict[str, Iterator[int]] = {}
        for key, item in items.items():
            name = _name(key)
            found = self._of_field(name, suspicion, named)
            safe = is_version(name, item)
            scrubbed[_unused(self._key(key, name), scrubbed, clashes)] = (
                item if safe else self._walk(item, found, inside)
            )
        return scrubbed

    def _of_field(
        self, name: str, inherited: Suspicion | None, named: Suspicion | None
    ) -> Suspicion | None:
        """Return what to ask of a field whose mapping may also hold the name of its value."""
        found = self._suspicion(name, inherited)
        return named if found is None and letters(name) in _VALUES else found

    def _suspicion(self, name: str, inherited: Suspicion | None) -> Suspicion | None:
        """Return what to ask of a field called *name* in a mapping that is suspected itself."""
        if self._names.is_allowed(name):
            return None
        # A credential with an unsuspicious name among others is one still. What other
        # suspicions ask depends on the name, and was asked about another one.
        if inherited is suspicions.always:
            return inherited
        if inherited is suspicions.account_number and letters(name) in _NUMBERS:
            return inherited
        return self._names.suspicion(name)

    def _named_suspicion(self, items: dict[Any, Any]) -> Suspicion | None:
        """Return what to ask of the value in `{"name": ..., "value": ...}`."""
        if len(items) < _PAIR or not is_pair(items):
            return None
        for key, item in items.items():
            if letters(_name(key)) in _NAMING and issubclass(type(item), str | bytes):
                found = self._names.suspicion(_name(item))
                if found is not None:
                    return found
        kind = items.get("type", items.get("inputType"))
        return suspicions.always if kind == "password" else None

    def _key(self, key: Any, name: str) -> Any:
        scrubbed = self._texts.scrubbed(name)
        if scrubbed == name and type(key) is int and key >= cards.SMALLEST:
            scrubbed = str(self._integer(key, None, ()))
        if scrubbed == name:
            return key if type(key) in _PLAIN_NAMES else name
        return scrubbed

    def _other_mapping(
        self, value: Mapping[Any, Any], suspicion: Suspicion | None, above: Above
    ) -> Any:
        inside = _entered(value, above)
        if isinstance(inside, str):
            return inside
        return self._mapping(dict(value.items()), suspicion, inside)

    def _list(self, value: list[Any], suspicion: Suspicion | None, above: Above) -> Any:
        return self._items(value, suspicion, above)

    def _tuple(self, value: tuple[Any, ...], suspicion: Suspicion | None, above: Above) -> Any:
        names = getattr(type(value), "_fields", None)
        if names is not None:
            return self._named_tuple(value, names, suspicion, above)
        items = self._items(value, suspicion, above)
        return items if isinstance(items, str) else tuple(items)

    def _named_tuple(
        self, value: tuple[Any, ...], names: Any, suspicion: Suspicion | None, above: Above
    ) -> Any:
        inside = _entered(value, above)
        if isinstance(inside, str):
            return inside
        items = [*value]
        fields = dict(zip(map(str, names), items, strict=False))
        named = self._named_suspicion(fields)
        asked = self._asked(items, suspicion, type(value))
        for at, name in enumerate(fields):
            by_place = asked[at] if asked[at] is not suspicion else None
            asked[at] = self._of_field(name, suspicion, named) or by_place
        walked = [self._walk(item, each, inside) for item, each in zip(items, asked, strict=True)]
        return tuple.__new__(type(value), walked)

    def _deque(self, value: deque[Any], suspicion: Suspicion | None, above: Above) -> Any:
        items = self._items(value, suspicion, above)
        return items if isinstance(items, str) else deque(items, value.maxlen)

    def _set(self, value: Iterable[Any], suspicion: Suspicion | None, above: Above) -> Any:
        items = self._items(value, suspicion, above, is_ordered=False)
        try:
            return items if isinstance(items, str) else type(value)(items)  # type: ignore[call-arg]
        except TypeError:
            # What an object was made plain to need not be hashable.
            return items

    def _items(
        self,
        value: Iterable[Any],
        suspicion: Suspicion | None,
        above: Above,
        *,
        is_ordered: bool = True,
    ) -> list[Any] | str:
        inside = _entered(value, above)
        if isinstance(inside, str):
            return inside
        items = [*value]
        asked = (
            self._asked(items, suspicion, type(value)) if is_ordered else [suspicion] * len(items)
        )
        return [self._walk(item, each, inside) for item, each in zip(items, asked, strict=True)]

    def _asked(
        self, items: list[Any], suspicion: Suspicion | None, kind: type
    ) -> list[Suspicion | None]:
        """Return what to ask of each of *items*: of `[name, value]`, and behind `--name`."""
        asked = [suspicion] * len(items)
        for at, name in enumerate(items[:-1]):
            if issubclass(type(name), str | bytes) and len(name) <= _LONGEST_NAME:
                is_pair = len(items) == _PAIR and self._is_pair(items, kind)
                is_flag = _name(name).startswith("--") and "=" not in _name(name)
                found = self._names.suspicion(_name(name)) if is_pair or is_flag else None
                asked[at + 1] = found or asked[at + 1]
        return asked

    def _is_pair(self, items: list[Any], kind: type) -> bool:
        """Tell a name with its value from two names of fields."""
        if issubclass(type(items[1]), str | bytes) and kind is list:
            other = _name(items[1])
            return not _IDENTIFIER.match(other) or not self._is_field(other)
        return True

    def _is_field(self, other: str) -> bool:
        return other.lower() in _FIELDS or self._names.suspicion(other) is not None

    def _enum(self, value: Enum, suspicion: Suspicion | None, above: Above) -> Any:
        before = serialization.plain(value)
        after = self._walk(before, suspicion, above)
        return value if after == before else after

    def _object(self, value: Any, suspicion: Suspicion | None, above: Above) -> Any:
        """Look into an object by way of the form in which it would be written."""
        inside = _entered(value, above)
        if isinstance(inside, str):
            return inside
        return self._walk(serialization.plain(value), suspicion, inside)

    # The first that fits, as in `serialization`.
    _WALKERS: ClassVar[tuple[tuple[Any, Walker], ...]] = (
        (Enum, _enum),
        (str, _text),
        ((bool, NoneType), _itself),
        (int, _integer),
        (float, _number),
        ((bytes, bytearray), _bytes),
        (dict, _mapping),
        (Mapping, _other_mapping),
        (list, _list),
        (tuple, _tuple),
        (deque, _deque),
        ((set, frozenset), _set),
    )

    @staticmethod
    @lru_cache(maxsize=1024)
    def _walker(kind: type) -> Walker:
        """Return the method that walks through a value of this *kind*."""
        if kind in _CONSTANTS:
            return Values._constant
        for known, walker in Values._WALKERS:
            if issubclass(kind, known):
                return walker
        return Values._object


def is_pair(mapping: Mapping[Any, Any]) -> bool:
    """Tell whether a field of *mapping* may be the name of another one's value."""
    names = {letters(_name(key)) for key in mapping}
    if _VALUES.isdisjoint(names):
        return False
    return not _NAMING.isdisjoint(names) or not _KINDS.isdisjoint(names)


def is_card(number: int) -> bool:
    """Tell whether *number* is that of a payment card."""
    return cards.SMALLEST <= number < 10**19 and cards.is_number(str(number))


def is_version(name: str, item: Any) -> bool:
    """Tell whether *item* is a version: four numbers may also be an address."""
    return (
        type(item) is str
        and len(item) < _LONGEST_VERSION
        and _VERSION.match(item) is not None
        and not _VERSION_WORDS.isdisjoint(words(name))
    )


def _name(key: Any) -> str:
    """Return the text of *key* as it will be written."""
    if type(key) is str:
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    [name] = serialization.plain({key: None})
    return str(name)


def _entered(value: Any, above: Above) -> Above | str:
    """Return the containers around what is in *value*, or the mark that takes its place."""
    if id(value) in above:
        return CYCLE
    return TOO_DEEP if len(above) >= MAX_DEPTH else (*above, id(value))


def _unused(key: Any, taken: dict[Any, Any], clashes: dict[str, Iterator[int]]) -> Any:
    if key not in taken:
        return key
    # Counted on from the last clash: a thousand addresses as keys become one name.
    name = _name(key)
    numbers = clashes.setdefault(name, count(2))
    return next(other for n in numbers if (other := f"{name}#{n}") not in taken)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
