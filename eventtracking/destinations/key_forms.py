"""What the keys of vendors look like, for whoever takes one."""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"[!-~]+")
_MEASUREMENT_ID = re.compile(r"G-[A-Za-z0-9]+")


def is_key(value: Any) -> bool:
    """Tell whether *value* can be a key of any vendor: it goes into headers and URLs."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def is_measurement_id(value: Any) -> bool:
    """Tell whether *value* can be the id of a web stream of Google Analytics."""
    return isinstance(value, str) and _MEASUREMENT_ID.fullmatch(value) is not None
