"""Let events through or drop them by regular expressions for their names."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from eventtracking._options import BOOLEAN, Options, one_of, regular_expression
from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured

logger = logging.getLogger(__name__)

ALLOWLIST = "allowlist"
BLOCKLIST = "blocklist"


class RegexFilter:
    r"""
    Drop events whose name matches a block list, or does not match an allow list.

    As in event-tracking, an expression must match at the start of the name, but not to its
    end: `edx.course` matches `edxXcourse.anything`. Write `edx\.course\.`, or set
    *full_match*. A call with a list of events returns the events that pass.

    Args:
        filter_type: `"allowlist"` or `"blocklist"`.
        regular_expressions: The expressions. Without any, an allow list drops every event,
            and a block list drops none.
        full_match: Whether an expression must match the whole name.

    Raises:
        ImproperlyConfigured: If an option is wrong. If an expression is not text, the
            exception is a `TypeError` as well, as in event-tracking.
    """

    def __init__(
        self,
        filter_type: str = ALLOWLIST,
        regular_expressions: Iterable[str] | None = None,
        *,
        full_match: bool = False,
    ) -> None:
        options = Options("RegexFilter")
        options.check("filter_type", filter_type, one_of(ALLOWLIST, BLOCKLIST))
        expressions = _without_duplicates(regular_expressions or ())
        self._expressions = options.parse_list(
            "regular_expressions", expressions, regular_expression, "a regular expression"
        )
        options.check("full_match", full_match, BOOLEAN)
        try:
            options.raise_problems(
                ImproperlyConfigured if _are_texts(expressions) else _NotTextError
            )
        except ImproperlyConfigured as error:
            # event-tracking logs such an error, so operators look for it in the log.
            logger.error("%s", error)  # noqa: TRY400  # its traceback is raised
            raise
        self.filter_type = filter_type
        self.full_match = full_match

    def __call__(self, event: Any, /) -> Any:
        """Return *event*, or the events of a list that pass; or drop the event."""
        if isinstance(event, list):
            return [each for each in event if self._passes(each["name"])]
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


class _NotTextError(ImproperlyConfigured, TypeError):
    """An expression is not text."""


def _without_duplicates(expressions: Any) -> Any:
    try:
        return [*dict.fromkeys(expressions)]
    except TypeError:
        # Not a list, or with an item that is not text.
        return expressions


def _are_texts(expressions: Any) -> bool:
    return isinstance(expressions, Iterable) and all(
        isinstance(each, str | re.Pattern) for each in expressions
    )
