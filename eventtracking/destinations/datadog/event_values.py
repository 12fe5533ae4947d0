"""Read values from an event by their paths, as numbers for metrics and as text for tags."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any, TypeAlias

from eventtracking.serialization import plain
from eventtracking.types import Event

Path: TypeAlias = tuple[str, ...]
"""The keys that lead to a value, from the event down: `("data", "amount")`."""

# A float represents every whole number up to this one exactly.
_MAX_EXACT_INTEGER = 2**53


def value_at(event: Event, path: Path) -> Any:
    """Return the value of *event* at *path*; `None` if there is none."""
    found: Any = event
    for key in path:
        if not isinstance(found, dict):
            # A mapping or a dataclass of the application, whose code may fail.
            found = plain(found)
        found = dict.get(found, key) if isinstance(found, dict) else None
    return found


def as_number(value: Any) -> int | float | None:
    """Return *value* if it is a finite number and not a boolean, else `None`."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Fraction):
        return None
    if type(value) is int and -_MAX_EXACT_INTEGER <= value <= _MAX_EXACT_INTEGER:
        return value
    try:
        found = float(value)
    except (ArithmeticError, ValueError):
        return None
    return found if isfinite(found) else None


def as_text(value: Any) -> str:
    """Return *value* as the text of a tag; empty for `None` and for a container."""
    if type(value) is str:
        return value
    form = plain(value)
    if isinstance(form, bool):
        return "true" if form else "false"
    return str(form) if isinstance(form, str | int | float) else ""
