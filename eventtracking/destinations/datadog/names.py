"""Names and tags as Datadog takes them: whatever comes in, nothing breaks out of its place."""

from __future__ import annotations

import logging
import re

from eventtracking.stats import log_safely

logger = logging.getLogger(__name__)

# https://docs.datadoghq.com/metrics/custom_metrics/ and .../getting_started/tagging/
MAX_CHARACTERS = 200

OTHER = "other"
"""What values of a tag become when it has too many of them."""

_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9_.]")
_NOT_OF_A_TAG = re.compile(r"[^\w\-:./]")
_TAG_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_\-./]{0,99}")


def metric_name(text: str) -> str:
    """Return *text* as the name of a metric; empty if nothing can be made of it."""
    return _from_letter(_NOT_OF_A_NAME.sub("_", text), ascii_only=True)[:MAX_CHARACTERS]


def tag(text: str) -> str:
    """Return *text* as a tag; empty if nothing can be made of it."""
    return _from_letter(_NOT_OF_A_TAG.sub("_", text))[:MAX_CHARACTERS]


def is_tag_key(text: str) -> bool:
    """Tell whether *text* can stand before the colon of a tag as it is."""
    return bool(_TAG_KEY.fullmatch(text))


class TagValues:
    """
    The values of one tag, up to so many: each one more is one more metric to pay for.

    Args:
        key: What stands before the colon.
        most: How many values pass. The others become `other`, and a warning says so, once.
    """

    def __init__(self, key: str, most: int) -> None:
        self._key = key
        self._most = most
        self._known: set[str] = set()
        self._has_warned = False

    def tag(self, text: str) -> str:
        """Return the tag for the value *text*."""
        cleaned = _NOT_OF_A_TAG.sub("_", text[:MAX_CHARACTERS])
        found = f"{self._key}:{cleaned}"[:MAX_CHARACTERS]
        if found in self._known:
            return found
        if len(self._known) < self._most:
            self._known.add(found)
            return found
        self._warn()
        return f"{self._key}:{OTHER}"

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            message = "The tag %s has more than %s values for Datadog: new ones become other"
            log_safely(logger.warning, message, self._key, self._most)


def _from_letter(text: str, *, ascii_only: bool = False) -> str:
    """Return *text* without what stands before its first letter."""
    for position, sign in enumerate(text):
        if sign.isalpha() and (sign.isascii() or not ascii_only):
            return text[position:]
    return ""
