"""Redact the secrets in events, found by the names of fields and by the values themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from eventtracking._options import BOOLEAN, TEXT, Options, Rule, regular_expression
from eventtracking.redaction.fast_path import FastPath
from eventtracking.redaction.field_names import NameClassifier
from eventtracking.redaction.field_rules import FieldRules
from eventtracking.redaction.pairs import PairFinder
from eventtracking.redaction.prefilter import Prefilter
from eventtracking.redaction.scalars import ScalarRedactor
from eventtracking.redaction.text import TextRedactor
from eventtracking.redaction.values import ValueRedactor
from eventtracking.types import Event

_FIELD_NAME = Rule(
    "text with a letter or a digit",
    lambda name: isinstance(name, str) and any(map(str.isalnum, name)),
)


class SensitiveFieldGuard:
    """
    Replace passwords, tokens, card numbers and other secrets anywhere in an event.

    A field whose name reveals a secret loses its value. A text loses the sections that are
    secrets and keeps the rest. Containers keep their shape. Put the guard after the
    processors that add to events, so that it examines their additions as well.

    The event that the guard is called with remains unchanged, and is returned as it is if
    there is nothing to redact. An object whose text may differ from one reader to the next
    (a lazy text, a dataclass) is replaced by the result of `serialization.plain`.

    The guard fails closed: if it raises, the router drops the event as `guard_failed`.

    Args:
        pii: Whether to redact e-mail addresses, bank accounts (IBAN), US social security
            numbers and IP addresses as well.
        replacement: The text in place of a secret.
        extra_keys: More field names that are sensitive, in any style: `badge_number` covers
            `badgeNumber`, but not `old_badge_number`.
        allow_keys: Field names that are harmless here. Their values are examined all the
            same.
        extra_patterns: Regular expressions, as text or compiled, whose matches are secrets.

    Raises:
        ImproperlyConfigured: If an option has the wrong type, or a pattern is invalid.
    """

    fails_closed = True

    def __init__(
        self,
        *,
        pii: bool = False,
        replacement: str = "[redacted]",
        extra_keys: Iterable[str] = (),
        allow_keys: Iterable[str] = (),
        extra_patterns: Iterable[str | re.Pattern[str]] = (),
    ) -> None:
        options = Options("SensitiveFieldGuard")
        options.check("pii", pii, BOOLEAN)
        options.check("replacement", replacement, TEXT)
        extra = options.check_list("extra_keys", extra_keys, _FIELD_NAME)
        allow = options.check_list("allow_keys", allow_keys, _FIELD_NAME)
        self._patterns = options.parse_list(
            "extra_patterns", extra_patterns, regular_expression, "a regular expression"
        )
        options.raise_problems()
        self.pii = pii
        self.replacement = replacement
        names = NameClassifier(extra=extra, allow=allow)
        pairs = PairFinder(names, replacement)
        texts = TextRedactor(
            prefilter=Prefilter(pairs, pii=pii),
            pairs=pairs,
            replacement=replacement,
            patterns=self._patterns,
            pii=pii,
            redact_value=self._redact,
        )
        scalars = ScalarRedactor(
            texts=texts, replacement=replacement, numbers_as_text=bool(self._patterns)
        )
        self._values = ValueRedactor(fields=FieldRules(names), scalars=scalars)
        # The prefilter knows no patterns of users, so with any of them each text is scanned.
        self._fast_path = None if self._patterns else FastPath(names, texts)

    def __call__(self, event: Event, /) -> Event:
        """Return *event*, or a copy of it without its secrets."""
        return self._redact(event)  # type: ignore[no-any-return]  # a dict in, a dict out

    def _redact(self, value: Any) -> Any:
        # Called for events, and by `TextRedactor` for the value of each JSON text.
        redacted = self._fast_path.redact(value) if self._fast_path is not None else None
        return self._values.redact(value) if redacted is None else redacted

    def __repr__(self) -> str:
        return f"<SensitiveFieldGuard pii={self.pii} extra_patterns={len(self._patterns)}>"
