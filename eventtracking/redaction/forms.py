"""Names and values that no sign stands between: elements, flags, cells, lists, sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from eventtracking.redaction import suspicions
from eventtracking.redaction.looks import (
    is_code,
    is_mixed_word,
    is_placeholder,
    looks_made_up,
    trimmed,
)
from eventtracking.redaction.names import Names
from eventtracking.redaction.suspicions import Suspicion
from eventtracking.redaction.views import Span
from eventtracking.redaction.wordlists import word_set

HEADS = word_set("key code number token cookie pin no num phrase id answer card")
"""The last word of a name in several words: `API key`, `card number`, `one-time code`."""

_NAMED = re.compile(
    r"[\"'](?:name|key|field|header|setting|param|parameter|variable|property|label|k|n)[\"']"
    r"\s{0,8}:\s{0,8}[\"']([^\"'\n]{1,64})[\"']\s{0,8},\s{0,8}"
    r"[\"'](?:value|val|v|content|new|new_value|text)[\"']\s{0,8}:\s{0,8}"
    r"(?:[\"']([^\"']+)[\"']|([\w.-]+))",
    re.IGNORECASE,
)
_LISTED = re.compile(
    r"[\[(]\s{0,8}b?[\"']([^\"'\n]{1,64})[\"']\s{0,8},\s{0,8}b?(?:\"([^\"]+)\"|'([^']+)')\s{0,8}[\])]"
)
_ELEMENT = re.compile(
    r"<([\w:.-]{1,64})(?:\s[^<>]{0,200})?>\s{0,20}(?:<!\[CDATA\[)?([^<>]+?)\s{0,20}(?=\]\]>|</)"
)
_FIELD = re.compile(
    r"\b(?:name|key|id)=[\"']?([\w.\[\]-]{1,64})[\"']?[^<>\r\n]{0,200}?\s(?:value|content)=(?:\"([^\"]+)\"|'([^']+)')",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\bname=\"([^\"\r\n]{1,64})\"(?:;[^\r\n]{0,200})?(?:\r?\n[^\r\n]{1,200}){0,3}"
    r"\r?\n\r?\n([^\r\n]+)"
)
_YAML = re.compile(
    r"\b(?:name|key):[ \t]{1,4}[\"']?([\w.-]{1,64})[\"']?\r?\n[ \t]{0,40}"
    r"value:[ \t]{1,4}[\"']?([^\s\"']+)"
)
_CELL = re.compile(
    r"\|[ \t]{0,20}+([\w.-](?:[\w. -]{0,62}[\w.-])?)[ \t]{0,20}+\|"
    r"[ \t]{0,20}+([^|\s]++)[ \t]{0,20}+(?=\|)"
)
_FLAG = re.compile(
    r"-(?<![\w-]-)-?([A-Za-z][\w-]{1,63})[ \t]+(?:\"([^\"]+)\"|'([^']+)'|([^\s-]\S*))"
)
_LOGIN_FLAG = re.compile(
    r"-(?<![\w-]-)(?:u|-user|-proxy-user)[ =][\"']?[^\s:\"']{1,64}:([^\s\"']+)"
)
_SQL = re.compile(
    r"\b(?:identified\s{1,4}by|password)\s{1,4}(?:to\s{1,4}|for\s{1,4}\S{1,64}\s{1,4}=\s{1,4})?'([^']+)'",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r" is(?: now)? ?:?\s{0,3}[\"'`(]?([^\s\"'`)]{4,128})")
_SAID = re.compile(
    r"\b(?:pass(?:word|wd|phrase)|pwd)\s{1,3}[\"'`]?([^\s\"'`=:]{8,128})"
    r"|\b(?:otp|pin|passcode)\s{1,3}#?(\d{4,8})\b",
    re.IGNORECASE,
)
_CODE_SAID = re.compile(
    r"(\d(?<!\w\d)\d{3,7}) is (?:your|the) [\w .-]{0,40}?\b(?:code|otp|pin|password|passcode)\b",
    re.IGNORECASE,
)
_SPOKEN = word_set("password passwd pwd passphrase passcode pin otp token secret")
_AFTER_NAME = re.compile(r"[\w-]+(?: [\w-]+){0,2}\Z")


class Forms:
    """Find the values in a text that are written with a sensitive name in one of the `FORMS`."""

    def __init__(self, names: Names, replacement: str) -> None:
        self._names = names
        self._replacement = replacement

    def find(self, text: str) -> Iterator[Span]:
        """Yield where in *text* such values stand."""
        low = folded(text)
        for form in FORMS:
            for sign in form.signs:
                if sign in low:
                    yield from form.find(self, form.pattern, text)
                    break

    def _in_form(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            suspicion = self._names.suspicion(match[1])
            group = next((n for n in range(2, pattern.groups + 1) if match[n]), 0)
            if suspicion and group and not self._is_harmless_form(match[group], suspicion):
                yield match.span(group)

    def _is_harmless_form(self, value: str, suspicion: Suspicion) -> bool:
        if suspicions.is_spared(value) or value.strip() == self._replacement:
            return True
        return not suspicion(value) or is_placeholder(value) or is_code(value)

    def _whatever_the_name(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            yield match.span(1)

    def _in_sentences(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        """Find `my password is ...`, if what follows is not written like a word."""
        for match in pattern.finditer(text):
            value = trimmed(match[1])
            before = _AFTER_NAME.search(text[max(0, match.start() - 48) : match.start()])
            if before and looks_made_up(value) and self._is_spoken(before[0]):
                yield match.start(1), match.start(1) + len(value)

    def _said(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        """Find `password ...` and `PIN ...`, if what follows is not written like a word."""
        for match in pattern.finditer(text):
            group = match.lastindex or 0
            value = trimmed(match[group])
            if group > 1 or (looks_made_up(value) and is_mixed_word(value)):
                yield match.start(group), match.start(group) + len(value)

    def _is_spoken(self, name: str) -> bool:
        last = name.rpartition(" ")[2].casefold()
        return last in _SPOKEN or (
            last in HEADS and self._names.suspicion(name) is suspicions.always
        )


class Form(NamedTuple):
    """A way to write a name and a value: one of its signs is in the text, in small letters."""

    signs: tuple[str, ...]
    pattern: re.Pattern[str]
    find: Callable[[Forms, re.Pattern[str], str], Iterator[Span]] = Forms._in_form  # noqa: SLF001


FORMS = (
    Form(("-",), _FLAG),
    Form(("value=", "content="), _FIELD),
    Form(("name=",), _PART),
    Form(("value:",), _YAML),
    Form(("|",), _CELL),
    Form(('"', "'"), _NAMED),
    Form(("[", "("), _LISTED),
    Form(("</",), _ELEMENT),
    Form(("-u",), _LOGIN_FLAG, Forms._whatever_the_name),  # noqa: SLF001
    Form(("identified", "password"), _SQL, Forms._whatever_the_name),  # noqa: SLF001
    Form((" is",), _SENTENCE, Forms._in_sentences),  # noqa: SLF001
    Form(("pass", "pwd", "otp", "pin"), _SAID, Forms._said),  # noqa: SLF001
    Form((" is ",), _CODE_SAID, Forms._whatever_the_name),  # noqa: SLF001
)


def folded(text: str) -> str:
    """Return *text* in small letters, as an expression reads it that ignores case."""
    low = text.lower()
    # Turkish has an i with a dot and one without.
    return low if text.isascii() else low.replace("i\u0307", "i").replace("\u0131", "i")
