"""
Names and values with a sign between them: forms, queries, headers, JSON, settings.

A text is read backwards from the signs, because a name ends at its sign, and where it
begins is only known from there. What has no sign is found by `forms`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from eventtracking.redaction import suspicions
from eventtracking.redaction.forms import HEADS, Forms
from eventtracking.redaction.looks import (
    is_code,
    is_placeholder,
    is_word_of_sentence,
    looks_made_up,
    trimmed,
)
from eventtracking.redaction.names import Names, words
from eventtracking.redaction.suspicions import Suspicion
from eventtracking.redaction.views import Span

# Backwards: the sign, spaces, quotes, the name, and two more words of it.
NAME = re.compile(r"""[=:>](?:(?<!>)|-)[ \t]{0,4}["'`\\)]{0,4}(?P<name>[\w.\-\[\]%$@]{1,64})""")
SIGN = re.compile(NAME.pattern + r"(?:[ ](?P<second>[\w.-]{1,32}))?(?:[ ](?P<third>[\w.-]{1,32}))?")

_QUOTED = {quote: re.compile(rf"(?:[^{quote}\\]|\\.)*+", re.DOTALL) for quote in ('"', "'", "`")}
_BARE = re.compile(r"(?:[^\s\"'<>`&;,?#]++|[;,?#](?!\s|\Z|[\w.%\[\]-]{1,64}+[=:])|[\"'](?=\w))++")
_BRACKETS = re.compile(r"[\[\]{}]|\"(?:[^\"\\]|\\.)*+\"?", re.DOTALL)
_LINE = re.compile(r"[^\r\n]+")
_AUTHORIZATION = re.compile(
    r"(?:digest|oauth|aws4-hmac-sha256|sharedaccesssignature|hawk|signature)\b[^\r\n]*"
    r"|[A-Za-z][\w-]{1,40}[ \t]+[^\s\"',;]+|[^\s\"',;]+",
    re.IGNORECASE,
)
_GAP = re.compile(r"[ \t]{1,8}|\+(?=[\"'\\])|(?<=\)=)\(")

# `password==hunter2`, which is a comparison if something else stands there.
_COMPARED = re.compile(r"=([^\s=\"'`<>&;,?#()\[\]{}]{6,128})")
_VERSION = re.compile(r"v?\d+\.")
# A word on the next line, further in, and a block of lines as YAML has them.
_BELOW = re.compile(
    r"[ \t]{0,4}\r?\n[ \t]{1,40}([\"']?)([^\s\"':=<>{}\[\],|#-][^\s\"':=]{5,127})\1"
    r"[ \t]{0,40}(?![^\r\n])"
)
_BLOCK = re.compile(
    r"[ \t]{0,4}[|>][+-]?[ \t]{0,4}\r?\n[ \t]++([^\r\n]++(?:\r?\n[ \t]+[^\r\n]++)*+)"
)

# A harmless value may hold more names with values, and those are read again. How often on
# average, at most: `pin=pin=pin=...` would be read once for each of its names.
_READINGS = 16


class _Sign(NamedTuple):
    """A name, the place of the sign behind it, and what a value there has to be asked."""

    name: str
    start: int
    place: int
    suspicion: Suspicion


class _Patience:
    """How many letters may still be read as values that nothing encloses."""

    def __init__(self, letters: int) -> None:
        self._letters = letters

    def is_lost(self, letters: int) -> bool:
        """Count *letters* as read, and tell whether they are more than are left."""
        self._letters -= letters
        return self._letters < 0


class Pairs:
    """Find the values in a text that stand under sensitive names."""

    def __init__(self, names: Names, replacement: str) -> None:
        self._names = names
        self._replacement = replacement
        self.forms = Forms(names, replacement)

    def find(self, text: str) -> Iterator[Span]:
        """Yield where in *text* the values of sensitive names stand."""
        yield from self.behind_signs(text)
        yield from self.forms.find(text)

    def is_sensitive(self, name: str, second: str = "", third: str = "") -> bool:
        """Tell whether *name*, with the words before it, is a sensitive one before a sign."""
        spellings = _spellings(name, second, third)
        return any(self._names.suspicion(spelling) is not None for spelling in spellings)

    def behind_signs(self, text: str) -> Iterator[Span]:
        """Yield where in *text* values stand behind a sensitive name and a sign."""
        done, patience = 0, _Patience(_READINGS * len(text))
        for sign in reversed([*self._signs(text)]):
            # What an earlier value covers is gone already, and need not be read again.
            if sign.place < done:
                continue
            for start, end in self._value(text, sign, patience):
                done = max(done, end)
                yield start, end

    def _signs(self, text: str) -> Iterator[_Sign]:
        size = len(text)
        for match in SIGN.finditer(text[::-1]):
            for name in _spellings(*(word and word[::-1] for word in match.groups())):
                suspicion = self._names.suspicion(name)
                if suspicion is not None:
                    yield _Sign(name, size - match.end("name"), size - match.start(), suspicion)
                    break

    def _value(self, text: str, sign: _Sign, patience: _Patience) -> Iterator[Span]:
        at = sign.place
        if text.startswith(("=", "//"), at) and text[at - 1 : at + 1] != ":=":
            yield from self._compared(text, at)
            return
        at += text[at : at + 1] in ("=", ">")
        is_tight = text[at : at + 1] not in (" ", "\t")
        # A form writes a space as a plus.
        gap = _GAP.match(text, at)
        at = gap.end() if gap else at
        if self._replacement and text.startswith(self._replacement, at):
            return
        if _is_opened(text, at, sign):
            yield from self._enclosed(text, at, sign)
        elif below := _BELOW.match(text, sign.place) or _BLOCK.match(text, sign.place):
            yield from self._below(below, sign, patience)
        elif bare := _extent(text, sign).match(text, at):
            # A text made to be read over and over is hidden instead, from here to its end.
            is_hidden = patience.is_lost(len(bare[0]))
            yield from [bare.span()] if is_hidden else self._bare(text, bare, sign, is_tight)

    def _compared(self, text: str, at: int) -> Iterator[Span]:
        match = _COMPARED.match(text, at)
        if match is None or _VERSION.match(match[1]) or match[1].isdigit() or is_code(match[1]):
            return
        # `password1==password2` tells of no more than its names do.
        if looks_made_up(match[1]) and self._names.suspicion(match[1]) is None:
            yield match.span(1)

    def _below(self, match: re.Match[str], sign: _Sign, patience: _Patience) -> Iterator[Span]:
        value = match[match.lastindex or 0]
        if patience.is_lost(len(value)) or (
            not self._is_harmless(value, sign)
            and (match.re is _BLOCK or (looks_made_up(value) and not is_code(value)))
        ):
            yield match.span(match.lastindex or 0)

    def _enclosed(self, text: str, at: int, sign: _Sign) -> Iterator[Span]:
        if quote := _long_quote(text, at, sign):
            yield from self._until(quote, text, at, sign)
        elif text[at] in _QUOTED:
            yield from self._quoted(text, at, sign)
        else:
            yield from self._container(text, at)

    def _quoted(self, text: str, at: int, sign: _Sign) -> Iterator[Span]:
        match = _QUOTED[text[at]].match(text, at + 1)
        if match is None or self._is_harmless(match[0], sign):
            return
        is_closed = text.startswith(text[at], match.end())
        if is_closed or (match[0][:1].isalnum() and "\n" not in match[0]):
            yield match.span()

    def _until(self, quote: str, text: str, at: int, sign: _Sign) -> Iterator[Span]:
        start = at + len(quote)
        end = text.find(quote, start)
        end = len(text) if end < 0 else end
        if not self._is_harmless(text[start:end], sign):
            yield start, end

    def _container(self, text: str, at: int) -> Iterator[Span]:
        """Find a whole object or list, to the bracket that closes it or the end of the text."""
        if is_placeholder(text[at : at + 40].split(maxsplit=1)[0]):
            return
        depth, end = 0, len(text)
        for match in _BRACKETS.finditer(text, at):
            depth += (match[0] in ("[", "{")) - (match[0] in ("]", "}"))
            if not depth:
                end = match.end()
                break
        if end - at > len("[]"):
            yield at, end

    def _bare(self, text: str, match: re.Match[str], sign: _Sign, is_tight: bool) -> Iterator[Span]:
        at, quote = match.start(), text[sign.start - 1 : sign.start]
        found = match[0].partition(quote)[0] if quote in _QUOTED else match[0]
        value = trimmed(found)
        if not value or self._is_harmless(value, sign) or is_code(value):
            return
        is_assigned = is_tight and text[sign.place - 1] == "="
        if is_assigned or not is_word_of_sentence(value, sign.name):
            yield at, at + len(value)

    def _is_harmless(self, value: str, sign: _Sign) -> bool:
        if suspicions.is_spared(value) or value == self._replacement or not value.strip():
            return True
        if _is_cookie(sign.name) and "=" not in value and not suspicions.has_digit(value):
            return True
        return not sign.suspicion(value) or is_placeholder(value)


_HEADS_ALONE = frozenset((head,) for head in HEADS)


def _spellings(name: str, second: str | None, third: str | None) -> Iterator[str]:
    """Yield the names that the words before a sign may be: the last one, the last two or three."""
    yield name
    if second and words(name)[-1:] in _HEADS_ALONE:
        yield f"{second} {name}"
        if third:
            yield f"{third} {second} {name}"


def _is_opened(text: str, at: int, sign: _Sign) -> bool:
    """Tell whether the value at this place has signs around it that say where it ends."""
    opening = text[at : at + 1]
    if opening in ("{", "["):
        return sign.suspicion is suspicions.always
    return opening in _QUOTED or (opening == "\\" and text[at + 1 : at + 2] in _QUOTED)


def _long_quote(text: str, at: int, sign: _Sign) -> str:
    """Return the quote of more than one letter that opens the value here, or an empty text."""
    if text[at] == "\\":
        return text[at : at + 2]
    quote = text[at]
    # In a cell of CSV, quotes are doubled; four of them are an empty text.
    if text[sign.place - 3 : sign.place] == quote * 2 + ":" and text.startswith(quote * 2, at):
        return quote * 2
    is_tripled = text.startswith(quote * 3, at) and text[at + 3 : at + 4] not in ("", quote)
    return quote * 3 if is_tripled and quote in _QUOTED else ""


def _extent(text: str, sign: _Sign) -> re.Pattern[str]:
    """Return how far the value of *sign* reaches: a header has more than one word."""
    if text[sign.place - 1] != ":":
        return _BARE
    named = words(sign.name)
    if "authorization" in named:
        return _AUTHORIZATION
    if _is_cookie(sign.name) or {"passphrase", "mnemonic", "phrase"} & {*named}:
        return _LINE
    return _BARE


def _is_cookie(name: str) -> bool:
    return words(name)[-1:] == ("cookie",)
