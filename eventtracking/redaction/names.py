"""Which names of fields, headers, variables and parameters tell of a secret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

from eventtracking.redaction import suspicions, vocabulary
from eventtracking.redaction.suspicions import Suspicion

# Names that come up again and again are judged once. Longer ones are no names.
_REMEMBERED = 8192
_LONGEST_REMEMBERED = 100

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")

# Longer words are not taken apart: nobody writes thirteen names as one.
_SHORTEST_COMPOUND, _LONGEST_COMPOUND = 5, 60
_LONGEST_WORD = 14


class Names:
    """
    The judge of names.

    A name is sensitive by its words, not by the letters in it: `author` and `compass` stay.
    All styles of writing a name give the same words, and one verdict.

    Args:
        extra: More names that are sensitive, in any style.
        allow: Names that are not, in any style.
    """

    def __init__(self, *, extra: Iterable[str] = (), allow: Iterable[str] = ()) -> None:
        self._extra = frozenset(map(letters, extra))
        self._allow = frozenset(map(letters, allow))
        self._remembered = lru_cache(_REMEMBERED)(self._judge)

    def suspicion(self, name: str) -> Suspicion | None:
        """Return what a value under *name* has to be asked, or `None` if the name is harmless."""
        if len(name) > _LONGEST_REMEMBERED:
            return self._judge(name)
        return self._remembered(name)

    def is_allowed(self, name: str) -> bool:
        """Tell whether *name* is one of those declared harmless."""
        return bool(self._allow) and letters(name) in self._allow

    def _judge(self, name: str) -> Suspicion | None:
        if self._extra or self._allow:
            flat = letters(name)
            if flat in self._allow:
                return None
            if flat in self._extra:
                return suspicions.always
        return vocabulary.judge(words(name))


def letters(name: str) -> str:
    """Return what is left of *name* without its style: small letters and digits."""
    return "".join(re.findall(r"[^\W_]+", _folded(name).casefold()))


def words(name: str) -> tuple[str, ...]:
    """Return the words of *name*: `HTTP_X_ApiKey2` gives http, x, api, key."""
    parts = _WORD.findall(_CAMEL.sub(" ", _folded(name)).casefold())
    single = [word for part in parts for word in _parted(part)]
    return tuple(_rejoined(single))


def _folded(name: str) -> str:
    """Return *name* without what makes equal names differ: widths, accents, invisible signs."""
    text = unquote(name) if "%" in name else name
    if text.isascii():
        return text
    return "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if unicodedata.category(letter) not in ("Cf", "Mn")
    )


def _parted(word: str) -> list[str]:
    """Take a word like `accesstoken` apart, if it is made of known words through and through."""
    single = _singular(word)
    if single in vocabulary.WORDS or not _SHORTEST_COMPOUND <= len(word) <= _LONGEST_COMPOUND:
        return [single]
    # best[n]: the fewest known words that make the first n letters.
    best: list[list[str] | None] = [[]] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(max(0, end - _LONGEST_WORD), end - 1):
            before, piece = best[start], word[start:end]
            if before is not None and piece in vocabulary.WORDS:
                found = best[end]
                if found is None or len(before) + 1 < len(found):
                    best[end] = [*before, _singular(piece)]
    return best[-1] or _without_known_end(word)


def _without_known_end(word: str) -> list[str]:
    for end in vocabulary.ENDS:
        if word.endswith(end) and len(word) > len(end):
            return [word.removesuffix(end), *_parted(end)]
    for start in vocabulary.STARTS:
        if word.startswith(start):
            return [start, *_parted(word.removeprefix(start))]
    return [word]


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and word[:-1] in vocabulary.WITH_PLURAL else word


def _rejoined(parts: list[str]) -> list[str]:
    """Join what camel case parted too much: `passWord`, `OAuth`."""
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) in vocabulary.TORN:
            joined[-1] += part
        else:
            joined.append(part)
    return joined
