"""Choose the value test for each field of a mapping and each item of a list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eventtracking import serialization
from eventtracking.redaction import value_tests
from eventtracking.redaction.field_names import NameClassifier, compact, split_words
from eventtracking.redaction.value_tests import ValueTest
from eventtracking.redaction.wordlists import word_set

# The fields of a pair: `{"name": "password", "value": "..."}`.
_NAME_FIELDS = word_set(
    "name key field fieldname header headername setting param parameter parametername paramname "
    "variable property attribute label k option column keyname inputname id inputid"
)
_VALUE_FIELDS = word_set(
    "value val v values content contents text new old newvalue oldvalue current previous "
    "before after from to default input answer rawvalue stringvalue fieldvalue headervalue "
    "paramvalue parametervalue inputvalue"
)
_TYPE_FIELDS = frozenset({"type", "inputtype"})
# The field with the number in `{"card": {"number": ...}}`.
_NUMBER_FIELDS = word_set("number no num nr pan digits")

_PAIR = 2
_LONGEST_NAME = 100
_LONGEST_VERSION = 40

_VERSION_WORDS = word_set(
    "version versions ver release build revision section chapter firmware oid"
)
_VERSION = re.compile(r"\s*v?\d+(?:\.\d+){1,5}\s*\Z", re.ASCII)

# Names that occur next to sensitive names in lists of fields.
_COMMON_FIELDS = word_set(
    "email username name first_name last_name user login phone address country city language bio "
    "accept accept-language accept-encoding user-agent host origin referer content-type age gender "
    "title goals level_of_education year_of_birth avatar id time_zone remember submit next"
)
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[_ -][A-Za-z]+)*\Z")


class FieldRules:
    """
    Choose the test for a value by the name of its field, its neighbours and its container.

    Args:
        names: Decides which names are sensitive.
    """

    def __init__(self, names: NameClassifier) -> None:
        self._names = names

    def test_for_field(
        self, name: str, inherited: ValueTest | None, paired: ValueTest | None
    ) -> ValueTest | None:
        """
        Return the test for the field *name* of a mapping.

        Args:
            name: The name of the field.
            inherited: The test for the mapping itself.
            paired: The result of `test_for_pair`.
        """
        found = self._test_for_name(name, inherited)
        return paired if found is None and compact(name) in _VALUE_FIELDS else found

    def test_for_pair(self, items: Mapping[Any, Any]) -> ValueTest | None:
        """Return the test for the value field in `{"name": ..., "value": ...}`."""
        if len(items) < _PAIR or not may_be_pair(items):
            return None
        for key, item in items.items():
            if compact(name_of(key)) in _NAME_FIELDS and issubclass(type(item), str | bytes):
                found = self._names.value_test(name_of(item))
                if found is not None:
                    return found
        kind = items.get("type", items.get("inputType"))
        return value_tests.always if kind == "password" else None

    def tests_for_items(
        self, items: list[Any], inherited: ValueTest | None, kind: type
    ) -> list[ValueTest | None]:
        """
        Return the test for each of *items*, as in `[name, value]` and `["--name", value]`.

        Args:
            items: The items of a list or tuple.
            inherited: The test for the list itself.
            kind: The type of the list.
        """
        tests = [inherited] * len(items)
        for at, name in enumerate(items[:-1]):
            if issubclass(type(name), str | bytes) and len(name) <= _LONGEST_NAME:
                is_pair = len(items) == _PAIR and self._is_pair(items, kind)
                is_option = name_of(name).startswith("--") and "=" not in name_of(name)
                found = self._names.value_test(name_of(name)) if is_pair or is_option else None
                tests[at + 1] = found or tests[at + 1]
        return tests

    def _test_for_name(self, name: str, inherited: ValueTest | None) -> ValueTest | None:
        if self._names.is_allowed(name):
            return None
        # All fields of `credentials` are secrets. The other tests depend on the name, and do not
        # apply to fields with another name.
        if inherited is value_tests.always:
            return inherited
        if inherited is value_tests.is_account_number and compact(name) in _NUMBER_FIELDS:
            return inherited
        return self._names.value_test(name)

    def _is_pair(self, items: list[Any], kind: type) -> bool:
        """Return whether *items* are a name and its value, and not the names of two fields."""
        if issubclass(type(items[1]), str | bytes) and kind is list:
            other = name_of(items[1])
            return not _IDENTIFIER.match(other) or not self._is_field(other)
        return True

    def _is_field(self, name: str) -> bool:
        return name.lower() in _COMMON_FIELDS or self._names.value_test(name) is not None


def may_be_pair(mapping: Mapping[Any, Any]) -> bool:
    """Return whether one field of *mapping* may be the name of another field's value."""
    names = {compact(name_of(key)) for key in mapping}
    if _VALUE_FIELDS.isdisjoint(names):
        return False
    return not _NAME_FIELDS.isdisjoint(names) or not _TYPE_FIELDS.isdisjoint(names)


def is_version(name: str, item: Any) -> bool:
    """Return whether *item* is a version number: four numbers could also be an IP address."""
    return (
        type(item) is str
        and len(item) < _LONGEST_VERSION
        and _VERSION.match(item) is not None
        and not _VERSION_WORDS.isdisjoint(split_words(name))
    )


def name_of(key: Any) -> str:
    """Return the text of *key* as it will be written."""
    if type(key) is str:
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    [name] = serialization.plain({key: None})
    return str(name)
