"""Find a value in an event by its dotted path, and tell whether it can be measured or shown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any, TypeAlias

from eventtracking.serialization import plain
from eventtracking.types import Event

Path: TypeAlias = tuple[str, ...]
"""The keys that lead to a value, from the event down: `("data", "amount")`."""

# A float tells every whole number up to this from its neighbours.
_EXACT = 2**53


def at(event: Event, path: Path) -> Any:
    """Return what *event* holds at *path*; `None` if there is nothing."""
    found: Any = event
    for key in path:
        if not isinstance(found, dict):
            # A mapping or a dataclass of the host's, whose code may fail.
            found = plain(found)
        found = dict.get(found, key) if isinstance(found, dict) else None
    return found


def number(value: Any) -> int | float | None:
    """Return *value* if it can be measured: a finite number, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Fraction):
        return None
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return value
    try:
        found = float(value)
    except (ArithmeticError, ValueError):
        return None
    return found if isfinite(found) else None


def text(value: Any) -> str:
    """Return *value* as the text of a tag; empty for a container, and for nothing."""
    if type(value) is str:
        return value
    form = plain(value)
    if isinstance(form, bool):
        return "true" if form else "false"
    return str(form) if isinstance(form, str | int | float) else ""
