"""The form of a vendor's keys and ids."""

from __future__ import annotations

import re
from typing import Any

_VISIBLE_ASCII = re.compile(r"[!-~]+")
_MEASUREMENT_ID = re.compile(r"G-[A-Za-z0-9]+")


def is_key(value: Any) -> bool:
    """Return whether *value* can be a vendor's key, which goes into headers and URLs."""
    return isinstance(value, str) and _VISIBLE_ASCII.fullmatch(value) is not None


def is_measurement_id(value: Any) -> bool:
    """Return whether *value* can be the id of a web stream of Google Analytics."""
    return isinstance(value, str) and _MEASUREMENT_ID.fullmatch(value) is not None
