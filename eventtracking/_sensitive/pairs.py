"""
Names and values within a text: forms, queries, headers, command lines, JSON, XML, sentences.

Found from the signs between them. A text is read backwards for that, because a name ends
at its sign, and where it begins is only known from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from eventtracking._sensitive import suspicions
from eventtracking._sensitive.names import Names, words
from eventtracking._sensitive.suspicions import Suspicion
from eventtracking._sensitive.views import Span
from eventtracking._sensitive.wordlists import word_set

# Backwards: the sign, spaces, quotes, the name, and two more words of it.
NAME = re.compile(r"""[=:>](?:(?<!>)|-)[ \t]{0,4}["'`\\)]{0,4}(?P<name>[\w.\-\[\]%$@]{1,64})""")
SIGN = re.compile(NAME.pattern + r"(?:[ ](?P<second>[\w.-]{1,32}))?(?:[ ](?P<third>[\w.-]{1,32}))?")

# The last word of a name in several words: `API key`, `card number`, `one-time code`.
_HEADS = word_set("key code number token cookie pin no num phrase id answer card")

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
_CLOSING = ")]}.,;:!?*"

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

_PLACEHOLDER = re.compile(
    r"<[^<>]*>?|\$\{.*|\$\([A-Za-z].*|\$[A-Z_]+|\{+[\w .-]*\}*|%[sdr]|%\(.*|\[[\w .-]*\]?"
    r"|\*+|\.{2,}"
)
_CODE = re.compile(
    r"[A-Za-z_][A-Za-z_.]+[(\[]"
    r"|(?:self|cls|this|request|req|os|config|settings|process|env|params|data|user|args|options"
    r"|form|event|ctx|context|props|state|kwargs|opts)\.[A-Za-z_.]+\Z"
)
# What follows a name in a sentence or in a program, and is no secret.
_WORDS_OF_SENTENCES = word_set(
    "a an the is are was be been being has had have must should can cannot could may might will "
    "would not no none nothing your my our their his her its this that these those it you we they "
    "i please enter type use see for from in on at to of or and as if when where how what why who "
    "required optional invalid valid incorrect correct wrong missing empty expired expires updated "
    "changed reset forgotten forgot too at least only any every each some between with without "
    "do does did don't dont never always string str text int integer number bool boolean object "
    "any bytes float list dict tuple optional null none nil undefined true false unknown error "
    "ok success failed failure yes n/a lambda new return function def class await async "
    "case-sensitive weak strong medium hidden private public secret-free default password token "
    "one two three sent received verified confirmed accepted rejected denied granted approved "
    "pending enabled disabled active inactive needed unavailable available hashed encrypted "
    "nobody everybody everyone someone something anything everything there here more most many "
    "much less few all also still just even ever "
    "once again then than so but because since while before "
    "after during about against into through over under out off up down "
    "choose pick set create make keep remember think imagine include includes contains"
)

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
# What is shorter, in a sentence, is a number of something.
_SHORTEST_CODE, _SHORTEST_PASSWORD = 4, 6
_AFTER_NAME = re.compile(r"[\w-]+(?: [\w-]+){0,2}\Z")

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

    def find(self, text: str) -> Iterator[Span]:
        """Yield where in *text* the values of sensitive names stand."""
        yield from self.behind_signs(text)
        low = folded(text)
        for form in FORMS:
            for sign in form.signs:
                if sign in low:
                    yield from form.find(self, form.pattern, text)
                    break

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
        if match is None or _VERSION.match(match[1]) or match[1].isdigit() or _is_code(match[1]):
            return
        # `password1==password2` tells of no more than its names do.
        if _looks_made_up(match[1]) and self._names.suspicion(match[1]) is None:
            yield match.span(1)

    def _below(self, match: re.Match[str], sign: _Sign, patience: _Patience) -> Iterator[Span]:
        value = match[match.lastindex or 0]
        if patience.is_lost(len(value)) or (
            not self._is_harmless(value, sign)
            and (match.re is _BLOCK or (_looks_made_up(value) and not _is_code(value)))
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
        if _PLACEHOLDER.fullmatch(text[at : at + 40].split(maxsplit=1)[0]):
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
        value = _trimmed(found)
        if not value or self._is_harmless(value, sign) or _is_code(value):
            return
        is_assigned = is_tight and text[sign.place - 1] == "="
        if is_assigned or not _is_sentence(value, sign.name):
            yield at, at + len(value)

    def _is_harmless(self, value: str, sign: _Sign) -> bool:
        if suspicions.is_spared(value) or value == self._replacement or not value.strip():
            return True
        if _is_cookie(sign.name) and "=" not in value and not suspicions.has_digit(value):
            return True
        return not sign.suspicion(value) or bool(_PLACEHOLDER.fullmatch(value))

    def _in_form(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            suspicion = self._names.suspicion(match[1])
            group = next((n for n in range(2, pattern.groups + 1) if match[n]), 0)
            if suspicion and group and not self._is_harmless_form(match[group], suspicion):
                yield match.span(group)

    def _is_harmless_form(self, value: str, suspicion: Suspicion) -> bool:
        if suspicions.is_spared(value) or value.strip() == self._replacement:
            return True
        return not suspicion(value) or bool(_PLACEHOLDER.fullmatch(value)) or _is_code(value)

    def _whatever_the_name(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            yield match.span(1)

    def _in_sentences(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        """Find `my password is ...`, if what follows is not written like a word."""
        for match in pattern.finditer(text):
            value = _trimmed(match[1])
            before = _AFTER_NAME.search(text[max(0, match.start() - 48) : match.start()])
            if before and _looks_made_up(value) and self._is_spoken(before[0]):
                yield match.start(1), match.start(1) + len(value)

    def _said(self, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
        """Find `password ...` and `PIN ...`, if what follows is not written like a word."""
        for match in pattern.finditer(text):
            group = match.lastindex or 0
            value = _trimmed(match[group])
            if group > 1 or (_looks_made_up(value) and _is_mixed_word(value)):
                yield match.start(group), match.start(group) + len(value)

    def _is_spoken(self, name: str) -> bool:
        last = name.rpartition(" ")[2].casefold()
        return last in _SPOKEN or (
            last in _HEADS and self._names.suspicion(name) is suspicions.always
        )


_HEADS_ALONE = frozenset((head,) for head in _HEADS)


class Form(NamedTuple):
    """A way to write a name and a value: one of its signs is in the text, in small letters."""

    signs: tuple[str, ...]
    pattern: re.Pattern[str]
    find: Callable[[Pairs, re.Pattern[str], str], Iterator[Span]] = Pairs._in_form  # noqa: SLF001


FORMS = (
    Form(("-",), _FLAG),
    Form(("value=", "content="), _FIELD),
    Form(("name=",), _PART),
    Form(("value:",), _YAML),
    Form(("|",), _CELL),
    Form(('"', "'"), _NAMED),
    Form(("[", "("), _LISTED),
    Form(("</",), _ELEMENT),
    Form(("-u",), _LOGIN_FLAG, Pairs._whatever_the_name),  # noqa: SLF001
    Form(("identified", "password"), _SQL, Pairs._whatever_the_name),  # noqa: SLF001
    Form((" is",), _SENTENCE, Pairs._in_sentences),  # noqa: SLF001
    Form(("pass", "pwd", "otp", "pin"), _SAID, Pairs._said),  # noqa: SLF001
    Form((" is ",), _CODE_SAID, Pairs._whatever_the_name),  # noqa: SLF001
)


def folded(text: str) -> str:
    """Return *text* in small letters, as an expression reads it that ignores case."""
    low = text.lower()
    # Turkish has an i with a dot and one without.
    return low if text.isascii() else low.replace("i\u0307", "i").replace("\u0131", "i")


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


def _trimmed(value: str) -> str:
    """Return *value* without the signs of the sentence or bracket that it stands in."""
    return value.rstrip(_CLOSING)


def _is_code(value: str) -> bool:
    return _CODE.match(value) is not None


def _is_sentence(value: str, name: str) -> bool:
    """Tell whether *value* is a word as it follows *name* where no secret is told."""
    word = value.split(maxsplit=1)[0].strip(_CLOSING + "('\"").casefold()
    # `token: 3` tells which one, or how many.
    is_number = len(word) == 1 and word.isdigit()
    return not word or is_number or word in _WORDS_OF_SENTENCES or word == name.casefold()


def _is_mixed_word(value: str) -> bool:
    return not value.isdigit() and value.isalnum() and "/" not in value


def _looks_made_up(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    return digits == len(value) >= _SHORTEST_CODE or (
        0 < digits < len(value) >= _SHORTEST_PASSWORD and "://" not in value
    )
