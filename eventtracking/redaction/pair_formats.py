"""
Names and values in a text that no separator joins: elements, options, cells, lists, sentences.

`pairs` finds the names and values that a separator joins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from eventtracking.redaction import value_tests
from eventtracking.redaction.field_names import NameClassifier
from eventtracking.redaction.placeholders import (
    is_alphanumeric_word,
    is_code,
    is_placeholder,
    resembles_secret,
    strip_punctuation,
)
from eventtracking.redaction.spans import Finder, Span
from eventtracking.redaction.value_tests import ValueTest
from eventtracking.redaction.wordlists import word_set

HEAD_NOUNS = word_set("key code number token cookie pin no num phrase id answer card")
"""The last words of names that consist of several: `API key`, `card number`, `one-time code`."""

_NAME_AND_VALUE = re.compile(
    r"[\"'](?:name|key|field|header|setting|param|parameter|variable|property|label|k|n)[\"']"
    r"\s{0,8}:\s{0,8}[\"']([^\"'\n]{1,64})[\"']\s{0,8},\s{0,8}"
    r"[\"'](?:value|val|v|content|new|new_value|text)[\"']\s{0,8}:\s{0,8}"
    r"(?:[\"']([^\"']+)[\"']|([\w.-]+))",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"[\[(]\s{0,8}b?[\"']([^\"'\n]{1,64})[\"']\s{0,8},\s{0,8}b?(?:\"([^\"]+)\"|'([^']+)')\s{0,8}[\])]"
)
_ELEMENT = re.compile(
    r"<([\w:.-]{1,64})(?:\s[^<>]{0,200})?>\s{0,20}(?:<!\[CDATA\[)?([^<>]+?)\s{0,20}(?=\]\]>|</)"
)
_FORM_FIELD = re.compile(
    r"\b(?:name|key|id)=[\"']?([\w.\[\]-]{1,64})[\"']?[^<>\r\n]{0,200}?\s(?:value|content)=(?:\"([^\"]+)\"|'([^']+)')",
    re.IGNORECASE,
)
_MULTIPART_FIELD = re.compile(
    r"\bname=\"([^\"\r\n]{1,64})\"(?:;[^\r\n]{0,200})?(?:\r?\n[^\r\n]{1,200}){0,3}"
    r"\r?\n\r?\n([^\r\n]+)"
)
_YAML_ITEM = re.compile(
    r"\b(?:name|key):[ \t]{1,4}[\"']?([\w.-]{1,64})[\"']?\r?\n[ \t]{0,40}"
    r"value:[ \t]{1,4}[\"']?([^\s\"']+)"
)
_TABLE_CELL = re.compile(
    r"\|[ \t]{0,20}+([\w.-](?:[\w. -]{0,62}[\w.-])?)[ \t]{0,20}+\|"
    r"[ \t]{0,20}+([^|\s]++)[ \t]{0,20}+(?=\|)"
)
_OPTION = re.compile(
    r"-(?<![\w-]-)-?([A-Za-z][\w-]{1,63})[ \t]+(?:\"([^\"]+)\"|'([^']+)'|([^\s-]\S*))"
)
_LOGIN_OPTION = re.compile(
    r"-(?<![\w-]-)(?:u|-user|-proxy-user)[ =][\"']?[^\s:\"']{1,64}:([^\s\"']+)"
)
_SQL_PASSWORD = re.compile(
    r"\b(?:identified\s{1,4}by|password)\s{1,4}(?:to\s{1,4}|for\s{1,4}\S{1,64}\s{1,4}=\s{1,4})?'([^']+)'",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r" is(?: now)? ?:?\s{0,3}[\"'`(]?([^\s\"'`)]{4,128})")
_ADJACENT = re.compile(
    r"\b(?:pass(?:word|wd|phrase)|pwd)\s{1,3}[\"'`]?([^\s\"'`=:]{8,128})"
    r"|\b(?:otp|pin|passcode)\s{1,3}#?(\d{4,8})\b",
    re.IGNORECASE,
)
_CODE_SENTENCE = re.compile(
    r"(\d(?<!\w\d)\d{3,7}) is (?:your|the) [\w .-]{0,40}?\b(?:code|otp|pin|password|passcode)\b",
    re.IGNORECASE,
)
_SPOKEN_NAMES = word_set("password passwd pwd passphrase passcode pin otp token secret")
_NAME_BEFORE = re.compile(r"[\w-]+(?: [\w-]+){0,2}\Z")


class PairFormat(NamedTuple):
    """
    A format of a name and its value.

    Every text that contains such a pair contains one of the *indicators*, in any case.
    """

    indicators: tuple[str, ...]
    pattern: re.Pattern[str]
    find: Finder


class FormatFinder:
    """
    Find the values of sensitive names in texts of the known formats.

    Args:
        names: Decides which names are sensitive.
        replacement: The text in place of a secret.
    """

    def __init__(self, names: NameClassifier, replacement: str) -> None:
        self._names = names
        self._replacement = replacement
        self.formats = (
            _format(("-",), _OPTION, self._after_name),
            _format(("value=", "content="), _FORM_FIELD, self._after_name),
            _format(("name=",), _MULTIPART_FIELD, self._after_name),
            _format(("value:",), _YAML_ITEM, self._after_name),
            _format(("|",), _TABLE_CELL, self._after_name),
            _format(('"', "'"), _NAME_AND_VALUE, self._after_name),
            _format(("[", "("), _PAIR, self._after_name),
            _format(("</",), _ELEMENT, self._after_name),
            _format(("-u",), _LOGIN_OPTION, _every_value),
            _format(("identified", "password"), _SQL_PASSWORD, _every_value),
            _format((" is",), _SENTENCE, self._in_sentences),
            _format(("pass", "pwd", "otp", "pin"), _ADJACENT, _adjacent),
            _format((" is ",), _CODE_SENTENCE, _every_value),
        )

    def find(self, text: str) -> Iterator[Span]:
        """Yield the spans of the values of sensitive names in *text*."""
        low = fold_case(text)
        for each in self.formats:
            for indicator in each.indicators:
                if indicator in low:
                    yield from each.find(text)
                    break

    def _after_name(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            test = self._names.value_test(match[1])
            group = next((n for n in range(2, pattern.groups + 1) if match[n]), 0)
            if test and group and not self._is_harmless(match[group], test):
                yield match.span(group)

    def _is_harmless(self, value: str, test: ValueTest) -> bool:
        if value_tests.is_blank_or_masked(value) or value.strip() == self._replacement:
            return True
        return not test(value) or is_placeholder(value) or is_code(value)

    def _in_sentences(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        """Find the value in `my password is ...`, unless it is written like a word."""
        for match in pattern.finditer(text):
            value = strip_punctuation(match[1])
            name = _NAME_BEFORE.search(text[max(0, match.start() - 48) : match.start()])
            if name and resembles_secret(value) and self._is_spoken(name[0]):
                yield match.start(1), match.start(1) + len(value)

    def _is_spoken(self, name: str) -> bool:
        last = name.rpartition(" ")[2].casefold()
        return last in _SPOKEN_NAMES or (
            last in HEAD_NOUNS and self._names.value_test(name) is value_tests.always
        )


def fold_case(text: str) -> str:
    """Return *text* in lower case, as a regular expression reads it that ignores case."""
    low = text.lower()
    # Turkish has a dotted capital I and a dotless small one.
    return low if text.isascii() else low.replace("i\u0307", "i").replace("\u0131", "i")


def _format(
    indicators: tuple[str, ...],
    pattern: re.Pattern[str],
    find: Callable[[re.Pattern[str], str], Iterator[Span]],
) -> PairFormat:
    return PairFormat(indicators, pattern, partial(find, pattern))


def _every_value(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Find the values of a format that is used for secrets only."""
    for match in pattern.finditer(text):
        yield match.span(1)


def _adjacent(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Find the value in `password ...` and `PIN ...`, unless it is written like a word."""
    for match in pattern.finditer(text):
        group = match.lastindex or 0
        value = strip_punctuation(match[group])
        if group > 1 or (resembles_secret(value) and is_alphanumeric_word(value)):
            yield match.start(group), match.start(group) + len(value)
