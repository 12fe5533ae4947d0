"""Classify the names of fields, headers, variables and parameters as sensitive or harmless."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

from eventtracking.redaction import value_tests, vocabulary
from eventtracking.redaction.value_tests import ValueTest

# Names recur, so results are cached. A longer text is probably not a name.
_CACHE_SIZE = 8192
_LONGEST_CACHED = 100

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")

# Longer words are not split: no name joins that many words.
_SHORTEST_COMPOUND, _LONGEST_COMPOUND = 5, 60
_LONGEST_WORD = 14


class NameClassifier:
    """
    Decide which field names are sensitive.

    A name is classified by its words, not by its letters: `author` and `compass` are
    harmless. Every style of a name gives the same words and the same result.

    Args:
        extra: More names that are sensitive, in any style.
        allow: Names that are harmless, in any style.
    """

    def __init__(self, *, extra: Iterable[str] = (), allow: Iterable[str] = ()) -> None:
        self._extra = frozenset(map(compact, extra))
        self._allow = frozenset(map(compact, allow))
        self._cached = lru_cache(_CACHE_SIZE)(self._classify)

    def value_test(self, name: str) -> ValueTest | None:
        """Return the test for a value with this *name*, or `None` if the name is harmless."""
        if len(name) > _LONGEST_CACHED:
            return self._classify(name)
        return self._cached(name)

    def is_allowed(self, name: str) -> bool:
        """Return whether *name* was declared harmless."""
        return bool(self._allow) and compact(name) in self._allow

    def _classify(self, name: str) -> ValueTest | None:
        if self._extra or self._allow:
            compacted = compact(name)
            if compacted in self._allow:
                return None
            if compacted in self._extra:
                return value_tests.always
        return vocabulary.value_test(split_words(name))


def compact(name: str) -> str:
    """Return *name* without its style: its letters, in lower case, and its digits."""
    return "".join(re.findall(r"[^\W_]+", _normalize(name).casefold()))


def split_words(name: str) -> tuple[str, ...]:
    """Return the words of *name*: `HTTP_X_ApiKey2` gives http, x, api, key."""
    found = _WORD.findall(_CAMEL.sub(" ", _normalize(name)).casefold())
    return tuple(_rejoin([word for each in found for word in _split_compound(each)]))


def _normalize(name: str) -> str:
    """Return *name* without encodings, widths, accents and invisible characters."""
    text = unquote(name) if "%" in name else name
    if text.isascii():
        return text
    return "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if unicodedata.category(letter) not in ("Cf", "Mn")
    )


def _split_compound(word: str) -> list[str]:
    """Split a word like `accesstoken`, if it consists of known words only."""
    single = _singular(word)
    if (
        single in vocabulary.COMPOUND_WORDS
        or not _SHORTEST_COMPOUND <= len(word) <= _LONGEST_COMPOUND
    ):
        return [single]
    # best[n]: the fewest known words that form the first n letters.
    best: list[list[str] | None] = [[]] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(max(0, end - _LONGEST_WORD), end - 1):
            before, candidate = best[start], word[start:end]
            if before is not None and candidate in vocabulary.COMPOUND_WORDS:
                found = best[end]
                if found is None or len(before) + 1 < len(found):
                    best[end] = [*before, _singular(candidate)]
    return best[-1] or _split_affix(word)


def _split_affix(word: str) -> list[str]:
    """Split a word with a known beginning or ending from the unknown rest."""
    for suffix in vocabulary.COMPOUND_SUFFIXES:
        if word.endswith(suffix) and len(word) > len(suffix):
            return [word.removesuffix(suffix), *_split_compound(suffix)]
    for prefix in vocabulary.COMPOUND_PREFIXES:
        if word.startswith(prefix):
            return [prefix, *_split_compound(word.removeprefix(prefix))]
    return [word]


def _singular(word: str) -> str:
    has_plural = word.endswith("s") and word[:-1] in vocabulary.WORDS_WITH_PLURAL
    return word[:-1] if has_plural else word


def _rejoin(words: list[str]) -> list[str]:
    """Join words that camel case has split: `passWord`, `OAuth`."""
    joined: list[str] = []
    for word in words:
        if joined and (joined[-1], word) in vocabulary.SPLIT_WORDS:
            joined[-1] += word
        else:
            joined.append(word)
    return joined
