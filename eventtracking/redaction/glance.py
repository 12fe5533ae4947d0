"""
A quick look at texts, which is enough to see that most hold no secret.

Each finder of secrets has signs: in a text without any of them it finds nothing. The texts
of an event are searched for all signs at once, as one text. A finder whose sign is there
then looks at each text alone. So what a glance calls clean, a close look calls clean, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from eventtracking.redaction import cards, credentials, people, runs, views
from eventtracking.redaction.forms import FORMS, folded
from eventtracking.redaction.pairs import NAME, SIGN, Pairs
from eventtracking.redaction.views import Span, TooManyLayersError

Finder: TypeAlias = Callable[[str], Iterator[Span]]
Search: TypeAlias = Callable[[str], object]

# Between texts that are searched as one: it is no part of anything that is found. (The letter
# ends a row of digits, which any other sign may be within.)
_SEPARATOR = "\0x\0"

# Of times and dates, which are new in each event.
_OF_NUMBERS = "0123456789-.TZ"

_REMEMBERED = 2048


class Glance:
    """
    See which texts need no closer look.

    Args:
        pairs: Finds what stands under sensitive names.
        pii: Whether what names a person needs a closer look, too.
    """

    def __init__(self, pairs: Pairs, *, pii: bool) -> None:
        self._pairs = pairs
        self._pii = pii
        signs = [*_signs(pairs)]
        self._signs = [each for each in signs if not _is_name(each[0])]
        # The names before `=` and `:` are read anyway, so there is no need to search for them.
        by_name = [each for each in signs if _is_name(each[0])]
        self._names = re.compile("|".join(rf"\b{sign[:-1]}\Z" for sign, _, _ in by_name))
        self._behind_names = [pairs.behind_signs, *{finder: None for _, _, finder in by_name}]
        self._harmless_names: set[str | tuple[str, ...]] = set()

    def doubtful(self, texts: list[str]) -> list[str]:
        """Return those of *texts* that need a closer look: nearly always, they hold a secret."""
        joined = _SEPARATOR.join(texts)
        found = self._found(joined, texts)
        if views.may_be_escaped(joined):
            found += self._found_unescaped([*filter(views.may_be_escaped, texts)])
        return found

    def _found(self, joined: str, texts: list[str]) -> list[str]:
        """Return those of *texts* in which something is found as they are written."""
        finders = [*self._finders(joined)]
        return [text for text in texts if _finds_one(finders, text)] if finders else []

    def _found_unescaped(self, texts: list[str]) -> list[str]:
        """Return those of *texts* in which something is found once their escapes are resolved."""
        layers = {text: _layers_below(text) for text in texts}
        below = [layer for each in layers.values() for layer in each or ()]
        found = {*self._found(_SEPARATOR.join(below), below)}
        return [text for text, each in layers.items() if each is None or not found.isdisjoint(each)]

    def _finders(self, text: str) -> Iterator[tuple[str, Finder]]:
        """Yield who has to look at the texts that are one in *text*, and their signs."""
        low = folded(text)
        for sign, search, finder in self._signs:
            if sign in low and (search is None or search(text)):
                yield sign, finder
        if _holds_broken_token(text) or runs.may_hold_token(text):
            yield "", credentials.tokens
        if runs.may_hold_card(text):
            yield "", cards.find
        if not self._has_harmless_names(text):
            yield from (("", finder) for finder in self._behind_names)
        for hint, finder in people.FINDERS if self._pii else ():
            if hint.search(text):
                yield "", finder

    def _has_harmless_names(self, text: str) -> bool:
        # Without a space, each name is one word.
        for name in (SIGN if " " in text else NAME).findall(text[::-1]):
            if name not in self._harmless_names and not self._learn(name):
                return False
        return True

    def _learn(self, reversed_name: str | tuple[str, ...]) -> bool:
        """Tell whether the name is harmless before a sign, and remember it if so."""
        words = (reversed_name,) if isinstance(reversed_name, str) else reversed_name
        name, *before = (word[::-1] for word in words)
        if self._names.search(name.lower()) or self._pairs.is_sensitive(name, *before):
            return False
        if name.strip(_OF_NUMBERS):
            if len(self._harmless_names) >= _REMEMBERED:
                self._harmless_names.clear()
            self._harmless_names.add(reversed_name)
        return True


def _signs(pairs: Pairs) -> Iterator[tuple[str, Search | None, Finder]]:
    """Yield each sign, in small letters, what to search for then, and who finds secrets by it."""
    for sign, finder in credentials.FINDERS:
        yield sign, None, finder
    for form in FORMS:
        finder = partial(form.find, pairs.forms, form.pattern)
        yield from ((sign, form.pattern.search, finder) for sign in form.signs)


def _is_name(sign: str) -> bool:
    return sign.endswith(("=", ":"))


def _layers_below(text: str) -> list[str] | None:
    """Return what *text* says once its escapes are resolved, or `None` if it has too many."""
    try:
        return [layer for layer, _ in views.views(text)][1:]
    except TooManyLayersError:
        return None


def _finds_one(finders: list[tuple[str, Finder]], text: str) -> bool:
    low = folded(text)
    # A loop, because any() over a generator takes twice its time.
    for sign, finder in finders:  # noqa: SIM110
        if sign in low and next(finder(text), None):
            return True
    return False


def _holds_broken_token(text: str) -> bool:
    for part, pattern in credentials.BROKEN_TOKENS:  # noqa: SIM110  # as above
        if part in text and pattern.search(text):
            return True
    return False
