"""What a browser may call an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from unicodedata import normalize

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.web.collector.refusals import EventRefused

_NAME = re.compile(r"[\w.:/@+ -]+")

# Letters of other alphabets that read like ours, which normalisation leaves apart.
_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝкмтвнαβεικνορτυχγ\u0251\u0261\u0131\u217c\u04cf",
    "aeopcyxijshdqwkmtbhabeikvoptuxyagill",
)


class Names:
    """
    Which names are allowed.

    Args:
        reserved: Prefixes of names that only the server gives, such as `edx.`. Where there are
            some, other alphabets are for what comes behind the length of the longest.
        max_characters: How long a name may be.

    Raises:
        ImproperlyConfigured: If *reserved* is no list of texts.
    """

    def __init__(self, *, reserved: Any, max_characters: int) -> None:
        if isinstance(reserved, str | bytes) or not isinstance(reserved, Iterable):
            raise _wrong(reserved)
        self._reserved = tuple(_skeleton(_checked(prefix)) for prefix in reserved)
        self._longest = max(map(len, self._reserved), default=0)
        self._max_characters = max_characters

    def check(self, name: Any) -> str:
        """
        Return *name*.

        Raises:
            EventRefused: If a browser may not use it.
        """
        if not isinstance(name, str) or len(name) > self._max_characters:
            raise EventRefused("invalid_name")
        if not _NAME.fullmatch(name):
            raise EventRefused("invalid_name")
        if self._reserved and self._may_be_reserved(_skeleton(name)):
            raise EventRefused("reserved_name")
        return name

    def _may_be_reserved(self, skeleton: str) -> bool:
        # Nobody knows all letters that look alike: what is left of other alphabets may be one.
        is_plain = skeleton[: self._longest].isascii()
        return not is_plain or skeleton.startswith(self._reserved)


def _skeleton(name: str) -> str:
    """Return what *name* looks like, whatever its case, its width and its alphabet."""
    folded = name if name.isascii() else normalize("NFKD", name)
    letters = folded.casefold().translate(_LOOK_ALIKES)
    return "".join(letter for letter in letters if letter.isalnum() or letter in ".:/@+-_")


def _checked(prefix: Any) -> str:
    if not isinstance(prefix, str) or not _skeleton(prefix):
        raise _wrong(prefix)
    return prefix


def _wrong(got: Any) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"Collector: reserved_prefixes must be a list of texts such as 'edx.', got {got!r}"
    )
