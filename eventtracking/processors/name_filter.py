"""Let events through or drop them by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

from eventtracking._options import TEXT, Options
from eventtracking.exceptions import EventEmissionExit
from eventtracking.types import Event


class NameFilter:
    """
    Drop an event whose name is blocked or not allowed.

    A pattern must match the whole name. It may contain the wildcards of a shell:
    `edx.video.*`, `*.bi.*`, `problem_?`. An asterisk also matches dots. Matching is
    case-sensitive.

    Args:
        allow: Patterns of allowed names. An empty list allows every name.
        block: Patterns of blocked names, even if they are allowed.

    Raises:
        ImproperlyConfigured: If an option is not a list of names.
    """

    def __init__(self, *, allow: Iterable[str] = (), block: Iterable[str] = ()) -> None:
        options = Options("NameFilter")
        allowed = options.check_list("allow", allow, TEXT)
        blocked = options.check_list("block", block, TEXT)
        options.raise_problems()
        self._allow = _compile(allowed)
        self._block = _compile(blocked)

    def __call__(self, event: Event, /) -> Event:
        """Return *event* unchanged, or drop it."""
        name = str(event["name"])
        is_allowed = self._allow is None or self._allow.match(name)
        if not is_allowed or (self._block is not None and self._block.match(name)):
            raise EventEmissionExit
        return event

    def __repr__(self) -> str:
        return f"<NameFilter allow={self._allow!r} block={self._block!r}>"


def _compile(patterns: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(translate, patterns))) if patterns else None
