"""Check the names of events that browsers send."""

from __future__ import annotations

import re
from typing import Any
from unicodedata import normalize

from eventtracking._options import Options, Rule, whole_number
from eventtracking.web.collector.refusals import EventRefused

_NAME = re.compile(r"[\w.:/@+ -]+")

# Letters of other alphabets that look like Latin ones, which normalization does not replace.
_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝкмтвнαβεικνορτυχγ\u0251\u0261\u0131\u217c\u04cf",
    "aeopcyxijshdqwkmtbhabeikvoptuxyagill",
)


class EventNames:
    """
    The names that browsers may use.

    Args:
        reserved_prefixes: Prefixes of names that only the server may use, such as `edx.`. If
            there are any, names that have letters of another alphabet within the length of
            the longest prefix are reserved as well.
        max_characters: The maximum length of a name.
        options: Collects the problems of the options.
    """

    def __init__(self, reserved_prefixes: Any, max_characters: int, options: Options) -> None:
        prefixes = options.check_list("reserved_prefixes", reserved_prefixes, _PREFIX)
        options.check("max_name_characters", max_characters, whole_number(1, unit="characters"))
        self._reserved = tuple(map(_skeleton, prefixes))
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
        if self._reserved and self._is_reserved(_skeleton(name)):
            raise EventRefused("reserved_name")
        return name

    def _is_reserved(self, skeleton: str) -> bool:
        # The table of look-alikes is not complete, so any other letter may be one.
        is_plain = skeleton[: self._longest].isascii()
        return not is_plain or skeleton.startswith(self._reserved)


def _skeleton(name: str) -> str:
    """Return *name* without differences of case, width and alphabet that a reader may miss."""
    folded = name if name.isascii() else normalize("NFKD", name)
    letters = folded.casefold().translate(_LOOK_ALIKES)
    return "".join(letter for letter in letters if letter.isalnum() or letter in ".:/@+-_")


_PREFIX = Rule("text such as 'edx.'", lambda prefix: isinstance(prefix, str) and _skeleton(prefix))
