"""A quick look at a text, which is enough to see that most hold no secret."""

from __future__ import annotations

import re
import unicodedata

from eventtracking._sensitive import cards, people
from eventtracking._sensitive.pairs import Pairs

# Digits as one letter, and what words are made of as another: all card numbers then hold
# one constant, and all tokens another, and constants are what is found fastest.
_DIGITS = bytes.maketrans(b"0123456789,", b"0" * 10 + b".")
_BETWEEN_DIGITS = b" -_/\t+\r\n"
_A_CARD = b"0" * 12
_SINGLE_DIGITS = b"0." * 11
# Dots are part of other numbers, so these have to look like groups.
_DOTTED_CARDS = (
    *(b".".join([b"0" * size] * max(2, 11 // size)) + b".0" for size in range(2, 8)),
    b"0000.000000.0",
    _SINGLE_DIGITS,
)
_LETTERS = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", b"a" * 64
)
_A_TOKEN = b"a" * 16
_WORD = re.compile(rb"a+")
_HARMLESS_WORD = re.compile(rb"(?:[0-9a-f-]+|(?:[A-Za-z]{1,15}(?:[-_]+|\Z))+)\Z")

# One letter each, because that is the fastest search there is. What they announce: escapes,
# JSON, addresses and users in URLs, elements, entities, SQL.
_SIGNS = ("%", "\\", "{", "[", "@", "<", ">", "&", "'", "|")
_WORDS = ("--", " -u", " is ", "passw", "otp ", "bearer", "basic ", "reset", "/activat")
_NAME_BEFORE_SIGN = re.compile(r"""[=:][ \t]{0,4}["'`\\)]{0,4}([\w.\-\[\]%$@]{1,64})""")

# Of times and dates, which are no names, and are new in each event.
_OF_NUMBERS = "0123456789-.TZ"

# Invisible letters, spaces, dashes, and the digits of other scripts.
_UNUSUAL = re.compile(
    r"[\u00ad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u180e\u200b-\u200f\u2010-\u2015\u2028-\u202f"
    r"\u205f-\u206f\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]|[^\x00-\x7f](?<=\d)"
)

_REMEMBERED = 2048


class Glance:
    """
    See that a text needs no closer look.

    It is shown all the texts of an event as one, with something between them. It errs on
    the safe side, and costs a small part of looking closely.

    Args:
        pairs: Knows which names tell of a secret.
        pii: Whether what names a person needs a closer look, too.
    """

    def __init__(self, pairs: Pairs, *, pii: bool) -> None:
        self._pairs = pairs
        self._pii = pii
        self._harmless_names: set[str] = set()

    def is_clean(self, text: str) -> bool:
        """Tell whether a quick look is enough to see that *text* holds no secret."""
        if not text.isascii() and not _is_usual(text):
            return False
        if self._pii and people.HINT.search(text):
            return False
        return not (_has_sign(text) or _has_long_word(text)) and self._has_harmless_names(text)

    def _has_harmless_names(self, text: str) -> bool:
        if "=" not in text and ":" not in text:
            return True
        for name in _NAME_BEFORE_SIGN.findall(text[::-1]):
            if name not in self._harmless_names and not self._learn(name):
                return False
        return True

    def _learn(self, reversed_name: str) -> bool:
        """Tell whether the name is harmless before a sign, and remember it if so."""
        if not reversed_name.strip(_OF_NUMBERS):
            return True
        if self._pairs.is_hint(reversed_name[::-1]):
            return False
        if len(self._harmless_names) >= _REMEMBERED:
            self._harmless_names.clear()
        self._harmless_names.add(reversed_name)
        return True


def _is_usual(text: str) -> bool:
    """Tell whether *text* reads as it is written, though not all of it is ASCII."""
    return unicodedata.is_normalized("NFKC", text) and not _UNUSUAL.search(text)


def _has_sign(text: str) -> bool:
    return _has_one_of(_SIGNS, text) or _has_one_of(_WORDS, text.lower())


def _has_one_of(parts: tuple[str, ...], text: str) -> bool:
    # A loop, because any() over a generator takes twice its time.
    for part in parts:  # noqa: SIM110
        if part in text:
            return True
    return False


def _has_long_word(text: str) -> bool:
    data = text.encode("utf-8", "surrogatepass")
    if _has_many_digits(data) and next(cards.find(text), None):
        return True
    letters = data.translate(_LETTERS)
    return _A_TOKEN in letters and _has_odd_word(data, letters)


def _has_many_digits(data: bytes) -> bool:
    if _A_CARD in data.translate(_DIGITS, _BETWEEN_DIGITS):
        return True
    digits = data.translate(_DIGITS)
    if b"00.00" not in digits:
        return _SINGLE_DIGITS in digits
    for card in _DOTTED_CARDS:  # noqa: SIM110  # as above
        if card in digits:
            return True
    return False


def _has_odd_word(data: bytes, letters: bytes) -> bool:
    """Tell whether a long word is neither a hash nor made of ordinary words with dashes."""
    at = letters.find(_A_TOKEN)
    while at >= 0:
        word = _WORD.match(letters, at)
        end = word.end() if word else len(data)
        # Behind a space, as in "Token 0f3c...", a hash is more than a hash.
        if data[at - 1 : at] == b" " or not _HARMLESS_WORD.match(data[at:end]):
            return True
        at = letters.find(_A_TOKEN, end)
    return False
