"""Metric names and tags, without the characters that Datadog does not accept."""

from __future__ import annotations

import logging
import re

from eventtracking.stats import log_safely

logger = logging.getLogger(__name__)

# https://docs.datadoghq.com/metrics/custom_metrics/ and .../getting_started/tagging/
MAX_CHARACTERS = 200

OTHER = "other"
"""The value of a tag that replaces new values once the tag has too many."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.]")
_NOT_IN_TAGS = re.compile(r"[^\w\-:./]")
_TAG_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_\-./]{0,99}")


def metric_name(text: str) -> str:
    """Return *text* as the name of a metric; empty if it has no ASCII letter."""
    return _from_letter(_NOT_IN_NAMES.sub("_", text), ascii_only=True)[:MAX_CHARACTERS]


def tag(text: str) -> str:
    """Return *text* as a tag; empty if it has no letter."""
    return _from_letter(_NOT_IN_TAGS.sub("_", text))[:MAX_CHARACTERS]


def is_tag_key(text: str) -> bool:
    """Return whether *text* can be the key of a tag, before the colon, as it is."""
    return bool(_TAG_KEY.fullmatch(text))


class TagValues:
    """
    The values of one tag, limited in number because Datadog charges for each of them.

    Args:
        key: The key of the tag, before the colon.
        max_values: The number of values that are kept. Others become `other`, and the
            first of them logs a warning.
    """

    def __init__(self, key: str, max_values: int) -> None:
        self._key = key
        self._max_values = max_values
        self._known: set[str] = set()
        self._has_warned = False

    def tag(self, text: str) -> str:
        """Return the tag for the value *text*."""
        cleaned = _NOT_IN_TAGS.sub("_", text[:MAX_CHARACTERS])
        found = f"{self._key}:{cleaned}"[:MAX_CHARACTERS]
        if found in self._known:
            return found
        if len(self._known) < self._max_values:
            self._known.add(found)
            return found
        self._warn()
        return f"{self._key}:{OTHER}"

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            message = "The Datadog tag %s has more than %s values: new values become other"
            log_safely(logger.warning, message, self._key, self._max_values)


def _from_letter(text: str, *, ascii_only: bool = False) -> str:
    """Return *text* from its first letter on."""
    for position, character in enumerate(text):
        if character.isalpha() and (character.isascii() or not ascii_only):
            return text[position:]
    return ""
