"""The values that Google Analytics takes: numbers, and short texts that name nobody."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias

from orjson import OPT_PASSTHROUGH_DATACLASS, OPT_PASSTHROUGH_DATETIME, JSONEncodeError, dumps

from eventtracking.redaction import personal_data
from eventtracking.serialization import plain

Value: TypeAlias = str | int | float

_REDACTED = "[redacted]"

# So much of a text is looked at before it is cut: a mail address may lie across the cut.
_LOOK_BEYOND = 400

_LONGEST_REMEMBERED = 100


def written_value(value: Any, limit: int) -> Value | None:
    """Return *value* as Google takes it, a text of at most *limit* characters; `None` for none."""
    kind = type(value)
    if kind is str:
        return written_text(value, limit)
    if kind is int and -(2**63) <= value < 2**63:
        return value  # type: ignore[no-any-return]
    if value is None:
        return None
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return value if isfinite(value) else None
    if kind is int:
        return str(plain(value))[:limit]
    if kind in (list, tuple, dict):
        return written_text(_json(value), limit)
    return written_value(plain(value), limit)


def written_text(value: str, limit: int) -> str:
    """Return the first *limit* characters of *value*, without what tells who somebody is."""
    if len(value) <= _LONGEST_REMEMBERED:
        return _anonymous(value)[:limit]
    return _anonymous.__wrapped__(value[: limit + _LOOK_BEYOND])[:limit]


def _json(value: Any) -> str:
    try:
        return dumps(value, None, OPT_PASSTHROUGH_DATETIME | OPT_PASSTHROUGH_DATACLASS).decode()
    except JSONEncodeError:
        return dumps(plain(value)).decode()


# Most texts come again and again: names, courses, modes.
@lru_cache(2048)
def _anonymous(text: str) -> str:
    """Return *text* without mail addresses and whatever else names a person."""
    # In a URL, `@` is written so.
    if "%40" in text:
        text = text.replace("%40", "@")
    for start, end in sorted(personal_data.find(text), reverse=True):
        text = text[:start] + _REDACTED + text[end:]
    return text
