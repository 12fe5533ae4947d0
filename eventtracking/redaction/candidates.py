"""
Cheap tests for long tokens and card numbers, used by the prefilter.

They map the bytes of a text so that every card number contains one constant string, and
every long token another. No search is faster than one for a constant string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_letters, digits

from eventtracking.redaction import cards, tokens

# Each digit becomes a zero, and the separators between digits are removed.
_DIGITS = bytes.maketrans(digits.encode(), b"0" * 10)
_DIGIT_SEPARATORS = bytes(code for code in range(128) if not chr(code).isalnum())
_CARD_DIGITS = b"0" * 12
# Each byte that is not a letter becomes a dot: a long row of dots may be a grouped number.
_NON_LETTERS = bytes(ord(" " if chr(code) in ascii_letters else ".") for code in range(256))
_ROW = b"." * len(_CARD_DIGITS)
_NOT_DIGITS = bytes({*range(256)} - {*digits.encode()})
_FLOAT = re.compile(rb"\W*\d{1,11}\.\d{1,11}\W*\Z")
# The context that `cards` checks around a number.
_BEFORE_CARD, _AFTER_CARD = 2, 5

_WORD_CHARACTERS = f"{ascii_letters}{digits}_-".encode()
# The other characters that tokens contain.
_TOKEN_PUNCTUATION = b".:/$~=+"
_WORDS = bytes(
    ord("a" if code in _WORD_CHARACTERS else "." if code in _TOKEN_PUNCTUATION else " ")
    for code in range(256)
)
_LONG_WORD = b"a" * tokens.LONG_WORD
_HASH = re.compile(rb"[0-9a-f-]*[a-f-][0-9a-f-]{0,15}\Z")
# A token that continues after a space extends at most this far.
_AFTER_SPACE = 48


def may_contain_card(text: str) -> bool:
    """Return whether *text* may contain a card number, judged by its digits."""
    data = _bytes(text)
    if _CARD_DIGITS not in data.translate(_DIGITS, _DIGIT_SEPARATORS):
        return False
    return any(next(cards.find(section), None) for section in _letterless_sections(text, data))


def may_contain_long_token(text: str) -> bool:
    """Return whether *text* may contain one of the `LONG_WORD_TOKENS`, judged by its words."""
    data = _bytes(text)
    words = data.translate(_WORDS)
    at = words.find(_LONG_WORD)
    while at >= 0:
        # Some tokens consist of several words: the section reaches from space to space.
        start, end = words.rfind(b" ", 0, at) + 1, words.find(b" ", at)
        end = end if end >= 0 else len(data)
        section = text[start : end + _AFTER_SPACE]
        if not _HASH.match(data, start, end) and next(tokens.find(section), None):
            return True
        at = words.find(_LONG_WORD, end)
    return False


def _letterless_sections(text: str, data: bytes) -> Iterator[str]:
    """Yield the sections of *text* without letters that have as many digits as a card number."""
    mapped = data.translate(_NON_LETTERS)
    at = mapped.find(_ROW)
    while at >= 0:
        end = mapped.find(b" ", at)
        end = end if end >= 0 else len(data)
        row = data[at:end]
        if len(row.translate(None, _NOT_DIGITS)) >= len(_CARD_DIGITS) and not _FLOAT.match(row):
            yield text[max(0, at - _BEFORE_CARD) : end + _AFTER_CARD]
        at = mapped.find(_ROW, end)


def _bytes(text: str) -> bytes:
    """Return *text* as one byte a character, so that offsets are the same in both."""
    return text.encode("ascii", "replace")
