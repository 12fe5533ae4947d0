"""The cost of a text grows with its length, even if it is built to be read over and over."""

import pytest
import secret_cases as cases

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.redaction.field_names import NameClassifier
from eventtracking.redaction.pairs import PairFinder

SIZE = 20_000
MARK = "[redacted]"

# Each value contains all values after it, and each is harmless for a different reason.
NESTED = {
    "not a generated key": "hmac=",
    "not generated keys": "tokens=",
    "not a number": "pin=",
    "not a session key": "session=",
    "not a session cookie": "sid=",
    "not a signature": "Signature=",
    "not a key": "segment_key=",
    "without a digit": "confirmation_code=",
    "not a card number": "creditCard=",
    "not a cookie": "Cookie: ",
    "not a cookie to set": "Set-Cookie:",
    "a variable": "password=${",
    "a command": "password=$(a",
    "a variable in a header": "authorization:${",
    "a call": "password=f(",
    "a variable as a phrase": "passphrase: ${",
    "a word": "passphrase: is a ",
    "a state": "pass=active ",
    "with different value tests": "pin=hmac=Signature=",
    "after a bracket": "pin=[",
    "ended by the quote before its name": "'password=${'a",
    "only punctuation": "password=).",
}


class CountingPairFinder(PairFinder):
    """A finder that counts the characters of the values it tests."""

    characters = 0

    def _is_harmless(self, value, separator):
        self.characters += len(value)
        return super()._is_harmless(value, separator)


@pytest.mark.parametrize("pattern", NESTED.values(), ids=NESTED)
def test_each_character_is_tested_a_bounded_number_of_times(pattern):
    """However many sensitive names there are before it."""
    text = pattern * (SIZE // len(pattern))
    pairs = CountingPairFinder(NameClassifier(), MARK)

    spans = [*pairs.find(text)]

    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert pairs.characters <= 20 * len(text)


@pytest.mark.parametrize("pattern", NESTED.values(), ids=NESTED)
def test_a_secret_at_the_end_of_such_a_text_is_redacted(pattern):
    """Once the budget for a text is spent, the rest of the value is redacted unread."""
    secret = cases.word(12)
    data = {"text": f"{pattern * (SIZE // len(pattern))}password={secret}\nend"}

    found = SensitiveFieldGuard()({"name": "a", "data": data, "context": {}})["data"]["text"]

    assert secret not in found
    assert found.endswith("\nend")


def test_a_few_names_within_harmless_values_are_kept():
    """The budget is larger than any ordinary text needs."""
    text = "pin=hmac=session=" * 8 + "on"
    event = {"name": "a", "data": {"text": text, "note": "Cookie: " * 25}, "context": {}}

    assert SensitiveFieldGuard(extra_patterns=["(?!)"])(event) == event
