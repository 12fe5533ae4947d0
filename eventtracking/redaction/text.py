"""Redact the secrets in a text and keep the rest of it unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from math import isinf
from typing import Any

from eventtracking.event import MAX_DEPTH
from eventtracking.redaction import cards, credentials, decoding, personal_data, tokens
from eventtracking.redaction.decoding import TooManyLayersError
from eventtracking.redaction.pairs import PairFinder
from eventtracking.redaction.prefilter import Prefilter
from eventtracking.redaction.spans import Span, merge_overlapping

_JSON = re.compile(r"\s*(?:[\[{].*[\]}]|\".*\")\s*\Z", re.DOTALL)
_JSON_START = frozenset('[{" \t\n\r')
_INDENT = re.compile(r"[\[{]\r?\n([ \t]+)[\"\[{\w-]")
# Characters that show the indentation.
_INDENT_WITHIN = 256

_CACHE_SIZE = 1024
_LONGEST_CACHED = 128


class TextRedactor:
    """
    Redact the secrets in texts.

    Args:
        prefilter: Selects the texts that need a full scan.
        pairs: Finds the values of sensitive names.
        replacement: The text in place of a secret.
        patterns: More expressions whose matches are secrets.
        pii: Whether to redact personal data, too.
        redact_value: Redacts the value of a JSON text.
    """

    def __init__(
        self,
        *,
        prefilter: Prefilter,
        pairs: PairFinder,
        replacement: str,
        patterns: Sequence[re.Pattern[str]],
        pii: bool,
        redact_value: Callable[[Any], Any],
    ) -> None:
        self._prefilter = prefilter
        self._pairs = pairs
        self._replacement = replacement
        self._patterns = tuple(patterns)
        self._pii = pii
        self._redact_value = redact_value
        # Most texts of an event were in an earlier one: the user agent, the host, the course.
        self._clean: set[str] = set()

    def redact(self, text: str) -> str:
        """Return *text* without its secrets; *text* itself if it has none."""
        if self._patterns:
            return self._scan(text)
        return self.redactions([text]).get(text, text)

    def redactions(self, texts: list[str]) -> dict[str, str]:
        """Return the redacted form of each of *texts* that holds a secret."""
        if self._clean.issuperset(texts):
            return {}
        new = [text for text in texts if text not in self._clean]
        as_json = {text for text in new if text[:1] in _JSON_START and _JSON.match(text)}
        plain = [text for text in new if text not in as_json] if as_json else new
        redacted = {}
        for text in [*as_json, *self._prefilter.texts_to_scan(plain)]:
            scanned = self._scan(text)
            if scanned != text:
                redacted[text] = scanned
        self._remember([text for text in new if text not in redacted])
        return redacted

    def find(self, text: str) -> Iterator[Span]:
        """
        Yield the spans of the secrets in *text*, in all its layers of encoding.

        Raises:
            TooManyLayersError: If there are too many layers to decode.
        """
        for layer in decoding.layers(text):
            for span in self._find_in_layer(layer.text):
                start, end = layer.source(span)
                if start < end:
                    yield start, end

    def _remember(self, clean: list[str]) -> None:
        if len(self._clean) >= _CACHE_SIZE:
            self._clean.clear()
        short = [text for text in clean if len(text) <= _LONGEST_CACHED]
        self._clean.update(short[:_CACHE_SIZE])

    def _scan(self, text: str) -> str:
        as_json = self._redact_json(text)
        if as_json is not None:
            return as_json
        try:
            spans = merge_overlapping([*self.find(text)])
        except TooManyLayersError:
            return self._replacement
        return self._replace(text, spans) if spans else text

    def _find_in_layer(self, text: str) -> Iterator[Span]:
        yield from tokens.find(text)
        yield from credentials.find(text)
        yield from cards.find(text)
        yield from self._pairs.find(text)
        if self._pii:
            yield from personal_data.find(text)
        for pattern in self._patterns:
            yield from (match.span() for match in pattern.finditer(text) if match[0])

    def _replace(self, text: str, spans: list[Span]) -> str:
        sections, last = [], 0
        for start, end in spans:
            sections += [text[last:start], self._replacement]
            last = end
        return "".join([*sections, text[last:]])

    def _redact_json(self, text: str) -> str | None:
        """Return the JSON in *text* without its secrets, or `None` if *text* is not JSON."""
        if not _JSON.match(text):
            return None
        try:
            value = json.loads(text, object_pairs_hook=_object, parse_float=_finite)
            if _is_deeper(value, MAX_DEPTH):
                return None
            redacted = self._redact_value(value)
            if redacted is value:
                return text
            before, after = _dumps_like(text, value), _dumps_like(text, redacted)
        except (ValueError, RecursionError):
            return None
        return text if before == after else after


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # The first of the two values would be lost, or not be examined.
        raise ValueError("duplicate key")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        # It would be written as Infinity, which is not JSON.
        raise ValueError(f"{digits} is too large")
    return number


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = [*value.values()]
    elif not isinstance(value, list):
        return False
    return not levels or any(_is_deeper(item, levels - 1) for item in value)


def _dumps_like(text: str, value: Any) -> str:
    """Return *value* as JSON in the style of *text*."""
    indent = _INDENT.search(text, 0, _INDENT_WITHIN)
    after_name = ": " if indent or '": ' in text else ":"
    after_item = "," if indent or after_name == ":" else ", "
    return json.dumps(
        value,
        ensure_ascii=text.isascii(),
        indent=indent[1] if indent else None,
        separators=(after_item, after_name),
    )
