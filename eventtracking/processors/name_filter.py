"""Let events through or drop them by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.types import Event


class NameFilter:
    """
    Drop an event whose name is blocked, or is not among those allowed.

    Names are whole, with the wildcards of a shell: `edx.video.*`, `*.bi.*`, `problem_?`.
    A star also crosses dots. Upper and lower case differ.

    Args:
        allow: What may pass. Empty: everything.
        block: What may not, even if it is allowed.

    Raises:
        ImproperlyConfigured: If either is not a list of names.
    """

    def __init__(self, *, allow: Iterable[str] = (), block: Iterable[str] = ()) -> None:
        self._allow = _pattern("allow", allow)
        self._block = _pattern("block", block)

    def __call__(self, event: Event, /) -> Event:
        """Return *event* untouched, or drop it."""
        name = str(event["name"])
        is_allowed = self._allow is None or self._allow.match(name)
        if not is_allowed or (self._block is not None and self._block.match(name)):
            raise EventEmissionExit
        return event

    def __repr__(self) -> str:
        return f"<NameFilter allow={self._allow!r} block={self._block!r}>"


def _pattern(option: str, names: Iterable[str]) -> re.Pattern[str] | None:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ImproperlyConfigured(f"NameFilter: {option} must be a list of names, got {names!r}")
    globs = [*names]
    for glob in globs:
        if not isinstance(glob, str):
            raise ImproperlyConfigured(f"NameFilter: {option} must hold names, got {glob!r}")
    return re.compile("|".join(map(translate, globs))) if globs else None
