"""Redact the secrets in single values: texts, numbers, bytes, dates, keys of mappings."""

from __future__ import annotations

from types import NoneType
from typing import Any

from eventtracking import serialization
from eventtracking.redaction import cards, value_tests
from eventtracking.redaction.text import TextRedactor
from eventtracking.redaction.value_tests import ValueTest

_PLAIN_KEYS = frozenset({str, int, float, bool, NoneType})


class ScalarRedactor:
    """
    Redact the secrets in values that contain no other values.

    Each method takes the value and the test that its field gives it, if any.

    Args:
        texts: Redacts the secrets in texts.
        replacement: The text in place of a secret.
        numbers_as_text: Whether numbers are passed to *texts*, too.
    """

    def __init__(self, *, texts: TextRedactor, replacement: str, numbers_as_text: bool) -> None:
        self._texts = texts
        self._replacement = replacement
        self._numbers_as_text = numbers_as_text

    def text(self, value: str, test: ValueTest | None, _: Any = ()) -> Any:
        """Return *value* without its secrets."""
        text = str.__str__(value)
        if self._is_secret(text, test):
            return self._replacement
        redacted = self._texts.redact(text)
        return value if redacted == text else redacted

    def integer(self, value: int, test: ValueTest | None, _: Any = ()) -> Any:
        """Return *value*, unless it is a secret or a card number."""
        number = int.__int__(value)
        if self._is_secret(number, test) or cards.is_card_integer(number):
            return self._replacement
        return self.number(value, test)

    def number(self, value: Any, test: ValueTest | None, _: Any = ()) -> Any:
        """Return *value*, unless it is a secret."""
        if self._is_secret(value, test):
            return self._replacement
        if self._numbers_as_text and not isinstance(value, bool):
            # str() raises for integers of more than 4,300 digits, and plain() does not.
            text = str(serialization.plain(value))
            return value if self._texts.redact(text) == text else self._replacement
        return value

    def constant(self, value: Any, test: ValueTest | None, _: Any = ()) -> Any:
        """Return a date, UUID or decimal as it is, unless its text holds a secret."""
        if test is value_tests.always:
            return self._replacement
        text = serialization.plain(value)
        redacted = self._texts.redact(text)
        return value if redacted == text else redacted

    def binary(self, value: bytes | bytearray, test: ValueTest | None, _: Any = ()) -> Any:
        """Return *value* without its secrets, as bytes in the same encoding."""
        data = bytes(value)
        # Latin-1 decodes any bytes.
        encoding = "utf-8" if _is_utf8(data) else "latin-1"
        text = data.decode(encoding)
        redacted = self.text(text, test)
        if redacted == text:
            return value
        return type(value)(redacted.encode(encoding, "replace"))

    def key(self, key: Any, name: str) -> Any:
        """Return the *key* of a mapping, written as *name*, without its secrets."""
        redacted = self._texts.redact(name)
        if redacted == name and type(key) is int and key >= cards.SMALLEST:
            redacted = str(self.integer(key, None))
        if redacted == name:
            return key if type(key) in _PLAIN_KEYS else name
        return redacted

    def _is_secret(self, value: Any, test: ValueTest | None) -> bool:
        if test is None or value_tests.is_blank_or_masked(value):
            return False
        return value != self._replacement and test(value)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
