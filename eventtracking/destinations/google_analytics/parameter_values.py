"""The values of parameters: numbers, and short texts without personal data."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias

from orjson import OPT_PASSTHROUGH_DATACLASS, OPT_PASSTHROUGH_DATETIME, JSONEncodeError, dumps

from eventtracking.redaction import personal_data
from eventtracking.serialization import plain

Value: TypeAlias = str | int | float

_REDACTED = "[redacted]"

# A text is searched this far beyond the limit, because an email address may extend across it.
_LOOKAHEAD_CHARACTERS = 400

_MAX_CACHED_CHARACTERS = 100


def parameter_value(value: Any, max_characters: int) -> Value | None:
    """Return *value* as a number or a text for Google; `None` for `None`, NaN and infinity."""
    kind = type(value)
    if kind is str:
        return parameter_text(value, max_characters)
    if kind is int and -(2**63) <= value < 2**63:
        return value  # type: ignore[no-any-return]
    if value is None:
        return None
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return value if isfinite(value) else None
    if kind is int:
        return str(plain(value))[:max_characters]
    if kind in (list, tuple, dict):
        return parameter_text(_json(value), max_characters)
    return parameter_value(plain(value), max_characters)


def parameter_text(text: str, max_characters: int) -> str:
    """Return the beginning of *text*, with email addresses and other personal data replaced."""
    if len(text) <= _MAX_CACHED_CHARACTERS:
        return _without_personal_data(text)[:max_characters]
    searched = text[: max_characters + _LOOKAHEAD_CHARACTERS]
    return _without_personal_data.__wrapped__(searched)[:max_characters]


def _json(value: Any) -> str:
    try:
        return dumps(value, None, OPT_PASSTHROUGH_DATETIME | OPT_PASSTHROUGH_DATACLASS).decode()
    except JSONEncodeError:
        return dumps(plain(value)).decode()


# Most texts repeat: names, courses, modes.
@lru_cache(2048)
def _without_personal_data(text: str) -> str:
    # A URL may encode the `@` of an email address.
    if "%40" in text:
        text = text.replace("%40", "@")
    for start, end in sorted(personal_data.find(text), reverse=True):
        text = text[:start] + _REDACTED + text[end:]
    return text
