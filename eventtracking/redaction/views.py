"""
A text as its readers see it: unescaped, and without invisible or unusual letters.

Secrets are looked for in each view of a text and cut out of the text itself, so a view
remembers where each of its letters came from.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from sys import maxunicode
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Start and end of a part of a text."""

# A body in a parameter in a URL in a JSON text in a log line is five.
MAX_LAYERS = 8

# Each begins with one of a few letters, and is told by what stands behind it.
_ESCAPES = (
    r"(?<=%)(?:[0-7][0-9A-Fa-f]|[89A-Fa-f][0-9A-Fa-f](?:%[89A-Fa-f][0-9A-Fa-f])*)"
    r"|(?<=\\)(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[\"'\\/nrt])"
    r"|(?<=&)(?:quot|amp|apos|lt|gt|colon|equals|commat|nbsp|#[0-9]{1,6}|#x[0-9A-Fa-f]{1,5});"
    r"|(?<=[^\x00-\x7f])"
)
_ESCAPE = re.compile(rf"[%\\&\x80-\U0010ffff](?:{_ESCAPES})")
# A form writes a space as a plus.
_ESCAPE_IN_FORM = re.compile(rf"[%\\&+\x80-\U0010ffff](?:{_ESCAPES}|(?<=\S\+)(?=\S))")
_ENTITIES = dict(
    zip("quot amp apos lt gt colon equals commat nbsp".split(), "\"&'<>:=@ ", strict=True)  # noqa: SIM905
)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


class View:
    """A text made from another one, and the way back."""

    def __init__(self, text: str, starts: list[int], origins: list[Span]) -> None:
        self.text = text
        self._starts = starts
        self._origins = origins

    def origin(self, span: Span) -> Span:
        """Return where the letters of *span* stood in the text that this view was made from."""
        return self._place(span[0])[0], self._place(span[1] - 1)[1]

    def _place(self, index: int) -> Span:
        at = bisect_right(self._starts, index) - 1
        start, end = self._origins[at]
        if end >= 0:
            return start, end
        place = start + index - self._starts[at]
        return place, place + 1


def views(text: str) -> Iterator[tuple[str, list[View]]]:
    """
    Yield *text* and what each layer of unescaping makes of it, with the way back to *text*.

    Raises:
        TooManyLayersError: If it has been escaped more often than anybody but an attacker does.
    """
    way: list[View] = []
    yield text, way
    for _ in range(MAX_LAYERS):
        view = _unescaped(text)
        if view is None:
            return
        text, way = view.text, [view, *way]
        yield text, way
    if _unescaped(text) is not None:
        raise TooManyLayersError


class TooManyLayersError(Exception):
    """Nobody can tell what a text holds that is escaped over and over."""


def may_be_escaped(text: str) -> bool:
    """Tell whether there may be a second view of *text*, from a quick look."""
    if "%" in text or "\\" in text or "&" in text or ("+" in text and "=" in text):
        return True
    if text.isascii():
        return False
    return any(_meaning(letter) != letter for letter in {*text} if letter > "\x7f")


def _unescaped(text: str) -> View | None:
    """Return *text* with one layer of escapes taken off, or `None` if it has none."""
    pieces: list[str] = []
    # A negative end: letters that stand as they stood.
    starts: list[int] = []
    origins: list[Span] = []
    size = last = 0
    for match in (_ESCAPE_IN_FORM if "=" in text else _ESCAPE).finditer(text):
        meant = _meaning(match[0])
        if meant == match[0]:
            continue
        start, end = match.span()
        for piece, origin in ((text[last:start], (last, -1)), (meant, (start, end))):
            if piece:
                pieces.append(piece)
                starts.append(size)
                origins.append(origin)
                size += len(piece)
        last = end
    if not last:
        return None
    pieces.append(text[last:])
    starts.append(size)
    origins.append((last, -1))
    return View("".join(pieces), starts, origins)


@lru_cache(maxsize=4096)
def _meaning(escape: str) -> str:
    kind = escape[0]
    if kind == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if kind == "+":
        return " "
    if kind == "\\":
        rest = escape[1:]
        return chr(int(rest[1:], 16)) if len(rest) > 1 else _CONTROLS.get(rest, rest)
    return _entity(escape[1:-1]) if kind == "&" else _plain_letter(escape)


def _entity(name: str) -> str:
    if not name.startswith("#"):
        return _ENTITIES[name]
    number = int(name[1:].replace("x", "0x"), base=0 if "x" in name else 10)
    return chr(number) if number <= maxunicode else ""


def _plain_letter(letter: str) -> str:
    """Return the usual form of *letter*: of a digit in any script, of a wide or bold letter."""
    category = unicodedata.category(letter)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.digit(letter))
    if category in ("Zs", "Pd"):
        return " " if category == "Zs" else "-"
    return unicodedata.normalize("NFKC", letter)


def merged(spans: list[Span]) -> list[Span]:
    """Return *spans* in order, those that overlap as one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
