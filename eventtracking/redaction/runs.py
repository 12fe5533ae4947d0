"""Long runs of letters and of digits, which tokens and card numbers have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_letters, digits

from eventtracking.redaction import cards, credentials

# Digits as one letter, and what words are made of as another: all card numbers then hold
# one constant, and all long tokens another, and constants are what is found fastest.
_DIGITS = bytes.maketrans(digits.encode(), b"0" * 10)
_BETWEEN_DIGITS = bytes(code for code in range(128) if not chr(code).isalnum())
_A_CARD = b"0" * 12
# What is no letter as one letter: a row of that may be a number in groups.
_ROWS = bytes(ord(" " if chr(code) in ascii_letters else ".") for code in range(256))
_ROW = b"." * len(_A_CARD)
_NO_DIGITS = bytes({*range(256)} - {*digits.encode()})
_FLOAT = re.compile(rb"\W*\d{1,11}\.\d{1,11}\W*\Z")
# So far does a card look around itself.
_BEFORE_CARD, _BEHIND_CARD = 2, 5

_IN_WORDS = f"{ascii_letters}{digits}_-".encode()
# What else is within tokens.
_BETWEEN_WORDS = b".:/$~=+"
_WORDS = bytes(
    ord("a" if code in _IN_WORDS else "." if code in _BETWEEN_WORDS else " ") for code in range(256)
)
_LONG_WORD = b"a" * credentials.LONG_WORD
_HASH = re.compile(rb"[0-9a-f-]*[a-f-][0-9a-f-]{0,15}\Z")
# So far does a token reach that goes on behind a space.
_BEHIND_TOKEN = 48


def may_hold_card(text: str) -> bool:
    """Tell from the digits of *text* whether there may be a card number in it."""
    data = _bytes(text)
    if _A_CARD not in data.translate(_DIGITS, _BETWEEN_DIGITS):
        return False
    return any(next(cards.find(part), None) for part in _rows(text, data))


def may_hold_token(text: str) -> bool:
    """Tell from the long words of *text* whether there may be one of the `LONG_TOKENS` in it."""
    data = _bytes(text)
    words = data.translate(_WORDS)
    at = words.find(_LONG_WORD)
    while at >= 0:
        # With what stands around the word: not every token is one word.
        start, end = words.rfind(b" ", 0, at) + 1, words.find(b" ", at)
        end = end if end >= 0 else len(data)
        part = text[start : end + _BEHIND_TOKEN]
        if not _HASH.match(data, start, end) and next(credentials.tokens(part), None):
            return True
        at = words.find(_LONG_WORD, end)
    return False


def _rows(text: str, data: bytes) -> Iterator[str]:
    """Yield the parts of *text* without letters that have as many digits as a card."""
    rows = data.translate(_ROWS)
    at = rows.find(_ROW)
    while at >= 0:
        end = rows.find(b" ", at)
        end = end if end >= 0 else len(data)
        row = data[at:end]
        if len(row.translate(None, _NO_DIGITS)) >= len(_A_CARD) and not _FLOAT.match(row):
            yield text[max(0, at - _BEFORE_CARD) : end + _BEHIND_CARD]
        at = rows.find(_ROW, end)


def _bytes(text: str) -> bytes:
    """Return one byte for each letter of *text*."""
    return text.encode("ascii", "replace")
