"""Hide the secrets in one text, and keep the rest of it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from math import isinf
from typing import Any

from eventtracking.event import MAX_DEPTH
from eventtracking.redaction import cards, credentials, people
from eventtracking.redaction.glance import Glance
from eventtracking.redaction.pairs import Pairs
from eventtracking.redaction.views import Span, TooManyLayersError, merged, views

_JSON = re.compile(r"\s*(?:[\[{].*[\]}]|\".*\")\s*\Z", re.DOTALL)
_INDENT = re.compile(r"[\[{]\r?\n([ \t]+)[\"\[{\w-]")
_BEGINNING = 256
_BEGINNINGS = frozenset('[{" \t\n\r')

_REMEMBERED = 1024
_LONGEST_REMEMBERED = 128


class Texts:
    """
    Hide the secrets in texts.

    Args:
        glance: Sees that a text needs no closer look.
        pairs: Finds what stands under sensitive names.
        replacement: What stands in the place of a secret.
        patterns: More expressions whose matches are secrets.
        pii: Whether to hide what names a person, too.
        scrub_value: Hides the secrets in the value of a JSON text.
    """

    def __init__(
        self,
        *,
        glance: Glance,
        pairs: Pairs,
        replacement: str,
        patterns: Sequence[re.Pattern[str]],
        pii: bool,
        scrub_value: Callable[[Any], Any],
    ) -> None:
        self._glance = glance
        self._pairs = pairs
        self._replacement = replacement
        self._patterns = tuple(patterns)
        self._pii = pii
        self._scrub_value = scrub_value
        # The agent, the host, the course: most texts of an event stood in an earlier one.
        self._clean: set[str] = set()

    def scrubbed(self, text: str) -> str:
        """Return *text* with everything in it replaced that is secret; *text* if nothing is."""
        if self._patterns:
            return self._scrubbed_closely(text)
        return self.changed([text]).get(text, text)

    def changed(self, texts: list[str]) -> dict[str, str]:
        """Return what becomes of those of *texts* that hold a secret."""
        if self._clean.issuperset(texts):
            return {}
        new = [text for text in texts if text not in self._clean]
        as_json = {text for text in new if text[:1] in _BEGINNINGS and _JSON.match(text)}
        plain = [text for text in new if text not in as_json] if as_json else new
        changed = {}
        for text in [*as_json, *self._glance.doubtful(plain)]:
            scrubbed = self._scrubbed_closely(text)
            if scrubbed != text:
                changed[text] = scrubbed
        self._remember([text for text in new if text not in changed])
        return changed

    def _remember(self, clean: list[str]) -> None:
        if len(self._clean) >= _REMEMBERED:
            self._clean.clear()
        short = [text for text in clean if len(text) <= _LONGEST_REMEMBERED]
        self._clean.update(short[:_REMEMBERED])

    def _scrubbed_closely(self, text: str) -> str:
        as_json = self._json(text)
        if as_json is not None:
            return as_json
        try:
            spans = merged([*self._spans(text)])
        except TooManyLayersError:
            return self._replacement
        return self._cut(text, spans) if spans else text

    def _spans(self, text: str) -> Iterator[Span]:
        for layer, way in views(text):
            for span in self._in_layer(layer):
                start, end = reduce(lambda place, view: view.origin(place), way, span)
                if start < end:
                    yield start, end

    def _in_layer(self, text: str) -> Iterator[Span]:
        yield from credentials.find(text)
        yield from cards.find(text)
        yield from self._pairs.find(text)
        if self._pii:
            yield from people.find(text)
        for pattern in self._patterns:
            yield from (match.span() for match in pattern.finditer(text) if match[0])

    def _cut(self, text: str, spans: list[Span]) -> str:
        pieces, last = [], 0
        for start, end in spans:
            pieces += [text[last:start], self._replacement]
            last = end
        return "".join([*pieces, text[last:]])

    def _json(self, text: str) -> str | None:
        """Return the JSON in *text* without secrets, or `None` if *text* is no JSON."""
        if not _JSON.match(text):
            return None
        try:
            value = json.loads(text, object_pairs_hook=_object, parse_float=_finite)
            if _is_deeper(value, MAX_DEPTH):
                return None
            scrubbed = self._scrub_value(value)
            if scrubbed is value:
                return text
            before, after = _dumped(text, value), _dumped(text, scrubbed)
        except (ValueError, RecursionError):
            return None
        return text if before == after else after


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # The first of two values under one name would be lost, or overlooked.
        raise ValueError("a name stands twice")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        # It would be written as Infinity, which is no JSON.
        raise ValueError(f"{digits} is too large")
    return number


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = [*value.values()]
    elif not isinstance(value, list):
        return False
    return not levels or any(_is_deeper(item, levels - 1) for item in value)


def _dumped(text: str, value: Any) -> str:
    """Return *value* as JSON in the style of *text*."""
    indent = _INDENT.search(text, 0, _BEGINNING)
    after_name = ": " if indent or '": ' in text else ":"
    after_item = "," if indent or after_name == ":" else ", "
    return json.dumps(
        value,
        ensure_ascii=text.isascii(),
        indent=indent[1] if indent else None,
        separators=(after_item, after_name),
    )
