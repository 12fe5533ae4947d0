"""
Decode a text layer by layer: percent-encoding, backslash escapes, HTML entities, Unicode variants.

Secrets are searched for in every layer but removed from the original text, so each layer
carries the offset maps that lead back to it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from sys import maxunicode
from typing import NamedTuple

from eventtracking.redaction.spans import Span

# Five occur: a request body in a parameter of a URL in a JSON string in a log line.
MAX_LAYERS = 8

# An escape is found by its first character, which is one of a few, and then checked by the
# characters that follow.
_ESCAPES = (
    r"(?<=%)(?:[0-7][0-9A-Fa-f]|[89A-Fa-f][0-9A-Fa-f](?:%[89A-Fa-f][0-9A-Fa-f])*)"
    r"|(?<=\\)(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[\"'\\/nrt])"
    r"|(?<=&)(?:quot|amp|apos|lt|gt|colon|equals|commat|nbsp|#[0-9]{1,6}|#x[0-9A-Fa-f]{1,5});"
    r"|(?<=[^\x00-\x7f])"
)
_ESCAPE = re.compile(rf"[%\\&\x80-\U0010ffff](?:{_ESCAPES})")
# Form encoding writes a space as a plus sign.
_ESCAPE_IN_FORM = re.compile(rf"[%\\&+\x80-\U0010ffff](?:{_ESCAPES}|(?<=\S\+)(?=\S))")
_ENTITIES = dict(
    zip("quot amp apos lt gt colon equals commat nbsp".split(), "\"&'<>:=@ ", strict=True)  # noqa: SIM905
)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


class TooManyLayersError(Exception):
    """A text is encoded more than `MAX_LAYERS` times, and its content remains unknown."""


class OffsetMap:
    """
    Translate offsets in a decoded text to offsets in the text before decoding.

    Args:
        starts: The offsets at which the sections of the decoded text begin, in order.
        sources: For each section, the span that it was decoded from. A negative end
            marks a section that was copied unchanged.
    """

    def __init__(self, starts: list[int], sources: list[Span]) -> None:
        self._starts = starts
        self._sources = sources

    def source(self, span: Span) -> Span:
        """Return the span that the characters of *span* were decoded from."""
        return self._character(span[0])[0], self._character(span[1] - 1)[1]

    def _character(self, index: int) -> Span:
        section = bisect_right(self._starts, index) - 1
        start, end = self._sources[section]
        if end >= 0:
            return start, end
        place = start + index - self._starts[section]
        return place, place + 1


class Layer(NamedTuple):
    """A text after some decoding steps, and the offset maps of those steps, the last one first."""

    text: str
    offset_maps: tuple[OffsetMap, ...] = ()

    def source(self, span: Span) -> Span:
        """Return the span of the original text that *span* was decoded from."""
        for offset_map in self.offset_maps:
            span = offset_map.source(span)
        return span


def layers(text: str) -> Iterator[Layer]:
    """
    Yield *text* itself, then the result of each step of decoding.

    Raises:
        TooManyLayersError: If the text is encoded more than `MAX_LAYERS` times.
    """
    layer = Layer(text)
    yield layer
    for _ in range(MAX_LAYERS):
        decoded = _decode(layer.text)
        if decoded is None:
            return
        text, offset_map = decoded
        layer = Layer(text, (offset_map, *layer.offset_maps))
        yield layer
    if _decode(layer.text) is not None:
        raise TooManyLayersError


def may_be_encoded(text: str) -> bool:
    """Return whether *text* may have more than one layer. Cheaper than decoding it."""
    if "%" in text or "\\" in text or "&" in text or ("+" in text and "=" in text):
        return True
    if text.isascii():
        return False
    return any(_decode_escape(letter) != letter for letter in {*text} if letter > "\x7f")


def _decode(text: str) -> tuple[str, OffsetMap] | None:
    """Return *text* with one layer of encoding removed, or `None` if it has none."""
    sections: list[str] = []
    starts: list[int] = []
    sources: list[Span] = []
    size = last = 0
    for match in (_ESCAPE_IN_FORM if "=" in text else _ESCAPE).finditer(text):
        decoded = _decode_escape(match[0])
        if decoded == match[0]:
            continue
        start, end = match.span()
        for section, source in ((text[last:start], (last, -1)), (decoded, (start, end))):
            if section:
                sections.append(section)
                starts.append(size)
                sources.append(source)
                size += len(section)
        last = end
    if not last:
        return None
    sections.append(text[last:])
    starts.append(size)
    sources.append((last, -1))
    return "".join(sections), OffsetMap(starts, sources)


@lru_cache(maxsize=4096)
def _decode_escape(escape: str) -> str:
    kind = escape[0]
    if kind == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if kind == "+":
        return " "
    if kind == "\\":
        rest = escape[1:]
        return chr(int(rest[1:], 16)) if len(rest) > 1 else _CONTROLS.get(rest, rest)
    return _decode_entity(escape[1:-1]) if kind == "&" else _normalize(escape)


def _decode_entity(name: str) -> str:
    if not name.startswith("#"):
        return _ENTITIES[name]
    number = int(name[1:].replace("x", "0x"), base=0 if "x" in name else 10)
    return chr(number) if number <= maxunicode else ""


def _normalize(character: str) -> str:
    """Return the plain form of *character*: of a digit in any script, of a wide or bold letter."""
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category in ("Zs", "Pd"):
        return " " if category == "Zs" else "-"
    return unicodedata.normalize("NFKC", character)
