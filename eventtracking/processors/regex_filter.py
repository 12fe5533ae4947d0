"""Let events through or drop them by regular expressions over their names."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured

logger = logging.getLogger(__name__)

ALLOWLIST = "allowlist"
BLOCKLIST = "blocklist"


class RegexFilter:
    r"""
    Drop events whose name matches (a block list), or those whose name does not (an allow list).

    An expression matches from the start of the name, not to its end, as in
    event-tracking: `edx.course` matches `edxXcourse.anything`. Write `edx\.course\.`,
    or set *full_match*. Given a list of events, it returns those that pass.

    Args:
        filter_type: `"allowlist"` or `"blocklist"`.
        regular_expressions: The expressions. None at all lets nothing through an allow
            list, and everything through a block list.
        full_match: Whether an expression must match the whole name.

    Raises:
        ImproperlyConfigured: If *filter_type* is another word, or an expression is none.
    """

    def __init__(
        self,
        filter_type: str = ALLOWLIST,
        regular_expressions: Iterable[str] | None = None,
        *,
        full_match: bool = False,
    ) -> None:
        if filter_type not in (ALLOWLIST, BLOCKLIST):
            _refuse(f"filter_type must be {ALLOWLIST!r} or {BLOCKLIST!r}, got {filter_type!r}")
        self.filter_type = filter_type
        self.full_match = full_match
        self._expressions = [_compiled(text) for text in frozenset(regular_expressions or ())]

    def __call__(self, event: Any, /) -> Any:
        """Return *event*, or those of a list of events that pass; or drop it."""
        if isinstance(event, list):
            return [one for one in event if self._passes(one["name"])]
        if not self._passes(event["name"]):
            raise EventEmissionExit
        return event

    def __repr__(self) -> str:
        return f"<RegexFilter {self.filter_type} of {len(self._expressions)} expressions>"

    def _passes(self, name: str) -> bool:
        matches = any(
            each.fullmatch(name) if self.full_match else each.match(name)
            for each in self._expressions
        )
        return matches == (self.filter_type == ALLOWLIST)


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        _refuse(f"{text!r} is not a regular expression: {error}", error)
        raise


def _refuse(problem: str, cause: Exception | None = None) -> None:
    # event-tracking logs it too: operators look for it there.
    logger.error("RegexFilter: %s", problem)
    raise ImproperlyConfigured(f"RegexFilter: {problem}") from cause
