"""A text made to be read over and over costs the guard no more than any other."""

import pytest
import sensitive_cases as cases

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.redaction.names import Names
from eventtracking.redaction.pairs import Pairs

SIZE = 20_000
MARK = "[redacted]"

# Each value holds all that follow it, and each is harmless, for another reason each.
NESTED = {
    "unlike a machine's": "hmac=",
    "unlike a machine's, several": "tokens=",
    "no number": "pin=",
    "no key of a session": "session=",
    "no cookie of a session": "sid=",
    "no signature": "Signature=",
    "no key": "segment_key=",
    "no digit": "confirmation_code=",
    "no number of a card": "creditCard=",
    "no cookie": "Cookie: ",
    "no cookie that is set": "Set-Cookie:",
    "a variable": "password=${",
    "a command": "password=$(a",
    "a variable of a header": "authorization:${",
    "a call": "password=f(",
    "a variable of a phrase": "passphrase: ${",
    "a word": "passphrase: is a ",
    "a state": "pass=active ",
    "of another suspicion each": "pin=hmac=Signature=",
    "behind a bracket": "pin=[",
    "ended by the quote before its name": "'password=${'a",
    "over and over a closing sign": "password=).",
}


class Counting(Pairs):
    """It counts the letters of the values that it judges."""

    letters = 0

    def _is_harmless(self, value, sign):
        self.letters += len(value)
        return super()._is_harmless(value, sign)


@pytest.mark.parametrize("part", NESTED.values(), ids=NESTED)
def test_no_letter_is_judged_over_and_over(part):
    """However many names stand before it."""
    text = part * (SIZE // len(part))
    pairs = Counting(Names(), MARK)

    spans = [*pairs.find(text)]

    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert pairs.letters <= 20 * len(text)


@pytest.mark.parametrize("part", NESTED.values(), ids=NESTED)
def test_a_secret_behind_all_that_is_hidden(part):
    """Who loses patience with a text hides what is left of it."""
    secret = cases.word(12)
    data = {"text": f"{part * (SIZE // len(part))}password={secret}\nend"}

    found = SensitiveFieldGuard()({"name": "a", "data": data, "context": {}})["data"]["text"]

    assert secret not in found
    assert found.endswith("\nend")


def test_a_few_names_within_harmless_values_are_read_as_they_are():
    """Patience ends long after what people write."""
    text = "pin=hmac=session=" * 8 + "on"
    event = {"name": "a", "data": {"text": text, "note": "Cookie: " * 25}, "context": {}}

    assert SensitiveFieldGuard(extra_patterns=["(?!)"])(event) == event
