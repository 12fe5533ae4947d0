"""
Names and values in a text that a separator joins: form bodies, queries, headers, JSON, settings.

The text is read backwards from the separators, because a name ends at its separator, and
only from there can its beginning be found. `pair_formats` finds pairs without a separator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from eventtracking.redaction import value_tests
from eventtracking.redaction.field_names import NameClassifier, split_words
from eventtracking.redaction.pair_formats import HEAD_NOUNS, FormatFinder
from eventtracking.redaction.placeholders import (
    is_code,
    is_placeholder,
    is_prose,
    resembles_secret,
    strip_punctuation,
)
from eventtracking.redaction.spans import Span
from eventtracking.redaction.value_tests import ValueTest

# Reversed: the separator, spaces and quotes, the name, and up to two more words of the name.
REVERSED_NAME = re.compile(
    r"""[=:>](?:(?<!>)|-)[ \t]{0,4}["'`\\)]{0,4}(?P<name>[\w.\-\[\]%$@]{1,64})"""
)
REVERSED_PHRASE = re.compile(
    REVERSED_NAME.pattern + r"(?:[ ](?P<second>[\w.-]{1,32}))?(?:[ ](?P<third>[\w.-]{1,32}))?"
)

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

# The right side of `password==hunter2`, which is usually a comparison.
_COMPARED = re.compile(r"=([^\s=\"'`<>&;,?#()\[\]{}]{6,128})")
_VERSION = re.compile(r"v?\d+\.")
# An indented word on the next line, and an indented block of lines, both as in YAML.
_NEXT_LINE = re.compile(
    r"[ \t]{0,4}\r?\n[ \t]{1,40}([\"']?)([^\s\"':=<>{}\[\],|#-][^\s\"':=]{5,127})\1"
    r"[ \t]{0,40}(?![^\r\n])"
)
_BLOCK = re.compile(
    r"[ \t]{0,4}[|>][+-]?[ \t]{0,4}\r?\n[ \t]++([^\r\n]++(?:\r?\n[ \t]+[^\r\n]++)*+)"
)

# A harmless value may contain further names with values, and those are read again. This is the
# limit of readings per character, on average: `pin=pin=pin=...` would need one for each name.
_MAX_READINGS = 16

_HEAD_NOUNS_ALONE = frozenset((noun,) for noun in HEAD_NOUNS)


class _Separator(NamedTuple):
    """The place after a separator, the sensitive name before it, and the test for its value."""

    name: str
    name_start: int
    place: int
    test: ValueTest


class _ReadingBudget:
    """The number of characters that may still be read as values without quotes."""

    def __init__(self, characters: int) -> None:
        self._characters = characters

    def is_exceeded_by(self, characters: int) -> bool:
        """Count *characters* as read, and return whether they exceed the rest of the budget."""
        self._characters -= characters
        return self._characters < 0


class PairFinder:
    """
    Find the values of sensitive names in texts.

    Args:
        names: Decides which names are sensitive.
        replacement: The text in place of a secret.
    """

    def __init__(self, names: NameClassifier, replacement: str) -> None:
        self._names = names
        self._replacement = replacement
        self.formats = FormatFinder(names, replacement)

    def find(self, text: str) -> Iterator[Span]:
        """Yield the spans of the values of sensitive names in *text*."""
        yield from self.after_separators(text)
        yield from self.formats.find(text)

    def is_sensitive(self, name: str, second: str = "", third: str = "") -> bool:
        """Return whether *name*, with the words before it, is sensitive before a separator."""
        phrases = _phrases(name, second, third)
        return any(self._names.value_test(phrase) is not None for phrase in phrases)

    def after_separators(self, text: str) -> Iterator[Span]:
        """Yield the spans of the values after a sensitive name and a separator."""
        done, budget = 0, _ReadingBudget(_MAX_READINGS * len(text))
        for separator in reversed([*self._separators(text)]):
            # The separator is part of a value that was already found.
            if separator.place < done:
                continue
            for start, end in self._value(text, separator, budget):
                done = max(done, end)
                yield start, end

    def _separators(self, text: str) -> Iterator[_Separator]:
        size = len(text)
        for match in REVERSED_PHRASE.finditer(text[::-1]):
            for name in _phrases(*(word and word[::-1] for word in match.groups())):
                test = self._names.value_test(name)
                if test is not None:
                    yield _Separator(name, size - match.end("name"), size - match.start(), test)
                    break

    def _value(self, text: str, separator: _Separator, budget: _ReadingBudget) -> Iterator[Span]:
        at = separator.place
        if text.startswith(("=", "//"), at) and text[at - 1 : at + 1] != ":=":
            yield from self._compared(text, at)
            return
        at += text[at : at + 1] in ("=", ">")
        is_tight = text[at : at + 1] not in (" ", "\t")
        # Form encoding writes a space as a plus sign.
        gap = _GAP.match(text, at)
        at = gap.end() if gap else at
        if self._replacement and text.startswith(self._replacement, at):
            return
        if _is_enclosed(text, at, separator):
            yield from self._enclosed(text, at, separator)
        elif below := _NEXT_LINE.match(text, separator.place) or _BLOCK.match(
            text, separator.place
        ):
            yield from self._below(below, separator, budget)
        elif bare := _bare_pattern(text, separator).match(text, at):
            # Beyond the budget, a value is redacted unread: such a text is an attack.
            if budget.is_exceeded_by(len(bare[0])):
                yield bare.span()
            else:
                yield from self._bare(text, bare, separator, is_tight)

    def _compared(self, text: str, at: int) -> Iterator[Span]:
        match = _COMPARED.match(text, at)
        if match is None or _VERSION.match(match[1]) or match[1].isdigit() or is_code(match[1]):
            return
        # `password1==password2` compares two names.
        if resembles_secret(match[1]) and self._names.value_test(match[1]) is None:
            yield match.span(1)

    def _below(
        self, match: re.Match[str], separator: _Separator, budget: _ReadingBudget
    ) -> Iterator[Span]:
        value = match[match.lastindex or 0]
        if budget.is_exceeded_by(len(value)) or (
            not self._is_harmless(value, separator)
            and (match.re is _BLOCK or (resembles_secret(value) and not is_code(value)))
        ):
            yield match.span(match.lastindex or 0)

    def _enclosed(self, text: str, at: int, separator: _Separator) -> Iterator[Span]:
        if quote := _long_quote(text, at, separator):
            yield from self._until(quote, text, at, separator)
        elif text[at] in _QUOTED:
            yield from self._quoted(text, at, separator)
        else:
            yield from _container(text, at)

    def _quoted(self, text: str, at: int, separator: _Separator) -> Iterator[Span]:
        match = _QUOTED[text[at]].match(text, at + 1)
        if match is None or self._is_harmless(match[0], separator):
            return
        is_closed = text.startswith(text[at], match.end())
        if is_closed or (match[0][:1].isalnum() and "\n" not in match[0]):
            yield match.span()

    def _until(self, quote: str, text: str, at: int, separator: _Separator) -> Iterator[Span]:
        start = at + len(quote)
        end = text.find(quote, start)
        end = len(text) if end < 0 else end
        if not self._is_harmless(text[start:end], separator):
            yield start, end

    def _bare(
        self, text: str, match: re.Match[str], separator: _Separator, is_tight: bool
    ) -> Iterator[Span]:
        at, quote = match.start(), text[separator.name_start - 1 : separator.name_start]
        found = match[0].partition(quote)[0] if quote in _QUOTED else match[0]
        value = strip_punctuation(found)
        if not value or self._is_harmless(value, separator) or is_code(value):
            return
        is_assigned = is_tight and text[separator.place - 1] == "="
        if is_assigned or not is_prose(value, separator.name):
            yield at, at + len(value)

    def _is_harmless(self, value: str, separator: _Separator) -> bool:
        if value_tests.is_blank_or_masked(value) or value == self._replacement or not value.strip():
            return True
        if _is_cookie(separator.name) and "=" not in value and not value_tests.has_digit(value):
            return True
        return not separator.test(value) or is_placeholder(value)


def _phrases(name: str, second: str | None, third: str | None) -> Iterator[str]:
    """Yield the names that the last one, two or three words before a separator may be."""
    yield name
    if second and split_words(name)[-1:] in _HEAD_NOUNS_ALONE:
        yield f"{second} {name}"
        if third:
            yield f"{third} {second} {name}"


def _is_enclosed(text: str, at: int, separator: _Separator) -> bool:
    """Return whether the value at this place is in quotes or brackets, which show its end."""
    opening = text[at : at + 1]
    if opening in ("{", "["):
        return separator.test is value_tests.always
    return opening in _QUOTED or (opening == "\\" and text[at + 1 : at + 2] in _QUOTED)


def _long_quote(text: str, at: int, separator: _Separator) -> str:
    """Return the quote of two or three characters that opens the value, or an empty text."""
    if text[at] == "\\":
        return text[at : at + 2]
    quote = text[at]
    # A cell of CSV doubles the quotes in it; four of them are an empty text.
    is_doubled = text[separator.place - 3 : separator.place] == quote * 2 + ":"
    if is_doubled and text.startswith(quote * 2, at):
        return quote * 2
    is_tripled = text.startswith(quote * 3, at) and text[at + 3 : at + 4] not in ("", quote)
    return quote * 3 if is_tripled and quote in _QUOTED else ""


def _container(text: str, at: int) -> Iterator[Span]:
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


def _bare_pattern(text: str, separator: _Separator) -> re.Pattern[str]:
    """Return the pattern of a value without quotes: a header has more than one word."""
    if text[separator.place - 1] != ":":
        return _BARE
    words = split_words(separator.name)
    if "authorization" in words:
        return _AUTHORIZATION
    if _is_cookie(separator.name) or {"passphrase", "mnemonic", "phrase"} & {*words}:
        return _LINE
    return _BARE


def _is_cookie(name: str) -> bool:
    return split_words(name)[-1:] == ("cookie",)
