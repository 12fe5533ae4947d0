"""
A fast search that rules out most texts, because they contain no secret.

Each finder has indicators: it finds nothing in a text without any of them. The texts of an
event are joined and searched for all indicators at once. Only if an indicator is present
does its finder examine each text alone. A text that passes the prefilter passes a full
scan as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from eventtracking.redaction import candidates, cards, credentials, decoding, personal_data, tokens
from eventtracking.redaction.decoding import TooManyLayersError
from eventtracking.redaction.pair_formats import fold_case
from eventtracking.redaction.pairs import REVERSED_NAME, REVERSED_PHRASE, PairFinder
from eventtracking.redaction.spans import Finder

_Search: TypeAlias = Callable[[str], object]

# Separates the joined texts, because no secret contains it. (A row of digits may contain any
# character except a letter.)
_SEPARATOR = "\0x\0"

# The characters of times and dates, which are new in each event.
_TIME_CHARACTERS = "0123456789-.TZ"

_CACHE_SIZE = 2048


class Prefilter:
    """
    Select the texts that need a full scan.

    Args:
        pairs: Finds the values of sensitive names.
        pii: Whether personal data needs a full scan, too.
    """

    def __init__(self, pairs: PairFinder, *, pii: bool) -> None:
        self._pairs = pairs
        self._pii = pii
        indicators = [*_indicators(pairs)]
        self._indicators = [each for each in indicators if not _is_name(each[0])]
        # The names before `=` and `:` are examined anyway, so those indicators need no search.
        named = [each for each in indicators if _is_name(each[0])]
        self._names = re.compile("|".join(rf"\b{indicator[:-1]}\Z" for indicator, _, _ in named))
        self._after_names = [pairs.after_separators, *{finder: None for _, _, finder in named}]
        self._harmless_names: set[str | tuple[str, ...]] = set()

    def texts_to_scan(self, texts: list[str]) -> list[str]:
        """Return those of *texts* that need a full scan. Nearly all of them contain a secret."""
        joined = _SEPARATOR.join(texts)
        found = self._suspect(joined, texts)
        if decoding.may_be_encoded(joined):
            found += self._suspect_when_decoded([*filter(decoding.may_be_encoded, texts)])
        return found

    def _suspect(self, joined: str, texts: list[str]) -> list[str]:
        """Return those of *texts* in which a finder finds something before any decoding."""
        finders = [*self._finders(joined)]
        return [text for text in texts if _has_match(finders, text)] if finders else []

    def _suspect_when_decoded(self, texts: list[str]) -> list[str]:
        """Return those of *texts* in which a finder finds something after decoding."""
        layers = {text: _decoded_layers(text) for text in texts}
        decoded = [layer for each in layers.values() for layer in each or ()]
        found = {*self._suspect(_SEPARATOR.join(decoded), decoded)}
        return [text for text, each in layers.items() if each is None or not found.isdisjoint(each)]

    def _finders(self, joined: str) -> Iterator[tuple[str, Finder]]:
        """Yield the finders that may find something in *joined*, each with its indicator."""
        low = fold_case(joined)
        for indicator, search, finder in self._indicators:
            if indicator in low and (search is None or search(joined)):
                yield indicator, finder
        if tokens.may_contain_segmented_token(joined) or candidates.may_contain_long_token(joined):
            yield "", tokens.find
        if candidates.may_contain_card(joined):
            yield "", cards.find
        if not self._has_harmless_names(joined):
            yield from (("", finder) for finder in self._after_names)
        for hint, finder in personal_data.FINDERS if self._pii else ():
            if hint.search(joined):
                yield "", finder

    def _has_harmless_names(self, text: str) -> bool:
        # Without a space, each name is a single word.
        pattern = REVERSED_PHRASE if " " in text else REVERSED_NAME
        for name in pattern.findall(text[::-1]):
            if name not in self._harmless_names and not self._check_name(name):
                return False
        return True

    def _check_name(self, reversed_name: str | tuple[str, ...]) -> bool:
        """Return whether a name before a separator is harmless, and remember it if so."""
        words = (reversed_name,) if isinstance(reversed_name, str) else reversed_name
        name, *before = (word[::-1] for word in words)
        if self._names.search(name.lower()) or self._pairs.is_sensitive(name, *before):
            return False
        if name.strip(_TIME_CHARACTERS):
            if len(self._harmless_names) >= _CACHE_SIZE:
                self._harmless_names.clear()
            self._harmless_names.add(reversed_name)
        return True


def _indicators(pairs: PairFinder) -> Iterator[tuple[str, _Search | None, Finder]]:
    """Yield each indicator, in lower case, with a search that confirms it, and its finder."""
    for indicator, finder in credentials.FINDERS:
        yield indicator, None, finder
    for each in pairs.formats.formats:
        yield from ((indicator, each.pattern.search, each.find) for indicator in each.indicators)


def _is_name(indicator: str) -> bool:
    return indicator.endswith(("=", ":"))


def _decoded_layers(text: str) -> list[str] | None:
    """Return the decoded layers of *text*, or `None` if it has too many."""
    try:
        return [layer.text for layer in decoding.layers(text)][1:]
    except TooManyLayersError:
        return None


def _has_match(finders: list[tuple[str, Finder]], text: str) -> bool:
    low = fold_case(text)
    # A loop, because any() over a generator takes twice the time.
    for indicator, finder in finders:  # noqa: SIM110
        if indicator in low and next(finder(text), None):
            return True
    return False
