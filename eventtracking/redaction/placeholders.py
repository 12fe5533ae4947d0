"""Distinguish secrets in a text from placeholders, program code and prose."""

from __future__ import annotations

import re

from eventtracking.redaction.wordlists import word_set

_PUNCTUATION = ")]}.,;:!?*"

_PLACEHOLDER = re.compile(
    r"<[^<>]*>?|\$\{.*|\$\([A-Za-z].*|\$[A-Z_]+|\{+[\w .-]*\}*|%[sdr]|%\(.*|\[[\w .-]*\]?"
    r"|\*+|\.{2,}"
)
_CODE = re.compile(
    r"[A-Za-z_][A-Za-z_.]+[(\[]"
    r"|(?:self|cls|this|request|req|os|config|settings|process|env|params|data|user|args|options"
    r"|form|event|ctx|context|props|state|kwargs|opts)\.[A-Za-z_.]+\Z"
)
# Words that follow a sensitive name in sentences and in programs.
_PROSE_WORDS = word_set(
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

# Shorter numbers in a sentence are counts.
_SHORTEST_CODE, _SHORTEST_PASSWORD = 4, 6


def is_placeholder(value: str) -> bool:
    """Return whether *value* stands for a value that is filled in elsewhere."""
    return _PLACEHOLDER.fullmatch(value) is not None


def is_code(value: str) -> bool:
    """Return whether *value* is an expression of a program, such as a call that gets the secret."""
    return _CODE.match(value) is not None


def is_prose(value: str, name: str) -> bool:
    """Return whether *value* begins with a word that follows *name* in ordinary sentences."""
    word = value.split(maxsplit=1)[0].strip(_PUNCTUATION + "('\"").casefold()
    # `token: 3` tells which token, or how many.
    is_number = len(word) == 1 and word.isdigit()
    return not word or is_number or word in _PROSE_WORDS or word == name.casefold()


def is_alphanumeric_word(value: str) -> bool:
    """Return whether *value* is a single word that is not a number."""
    return value.isalnum() and not value.isdigit()


def resembles_secret(value: str) -> bool:
    """Return whether *value* mixes digits with other characters, or is a number of some length."""
    digits = sum(map(str.isdigit, value))
    return digits == len(value) >= _SHORTEST_CODE or (
        0 < digits < len(value) >= _SHORTEST_PASSWORD and "://" not in value
    )


def strip_punctuation(value: str) -> str:
    """Return *value* without the punctuation or brackets that follow it."""
    return value.rstrip(_PUNCTUATION)
