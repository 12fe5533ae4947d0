"""Take secrets out of events, by the names of their fields and by their own looks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from eventtracking._options import BOOLEAN, TEXT, Options, Rule, regular_expression
from eventtracking.redaction.glance import Glance
from eventtracking.redaction.names import Names
from eventtracking.redaction.pairs import Pairs
from eventtracking.redaction.quick import QuickLook
from eventtracking.redaction.text import Texts
from eventtracking.redaction.values import Values
from eventtracking.types import Event

_FIELD_NAME = Rule(
    "text with a letter or a digit",
    lambda name: isinstance(name, str) and any(map(str.isalnum, name)),
)


class SensitiveFieldGuard:
    """
    Replace passwords, tokens, card numbers and their like, wherever in an event they stand.

    A field whose name tells of a secret loses its value; a text loses the parts that are
    secrets, and keeps the rest. Containers keep their shape. Put the guard behind the
    processors that add to events: what they add is looked at too.

    The event that it is called with stays as it is. Where nothing has to be hidden, it
    comes back as it is, too. An object that may show another face to each reader (a lazy
    text, a dataclass) is replaced by what `serialization.plain` makes of it.

    A guard fails closed: if it raises, the router drops the event as `guard_failed`.

    Args:
        pii: Whether mail addresses, bank accounts (IBAN), social security numbers of the
            United States and IP addresses are hidden as well.
        replacement: What stands in the place of a secret.
        extra_keys: More names of fields that are secret, whole and in any style:
            `badge_number` stands for `badgeNumber`, and not for `old_badge_number`.
        allow_keys: Names that are harmless here. Their values are still looked at.
        extra_patterns: Regular expressions, as text or compiled. Their matches are hidden.

    Raises:
        ImproperlyConfigured: If an option is of the wrong kind, or a pattern is none.
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
        names = Names(extra=extra, allow=allow)
        pairs = Pairs(names, replacement)
        glance = Glance(pairs, pii=pii)
        texts = Texts(
            glance=glance,
            pairs=pairs,
            replacement=replacement,
            patterns=self._patterns,
            pii=pii,
            scrub_value=self._scrub,
        )
        self._values = Values(
            names=names, texts=texts, replacement=replacement, numbers_as_text=bool(self._patterns)
        )
        self._quick = None if self._patterns else QuickLook(names, texts)

    def __call__(self, event: Event, /) -> Event:
        """Return *event*, or a copy of it without its secrets."""
        return self._scrub(event)  # type: ignore[no-any-return]  # a dict in, a dict out

    def _scrub(self, value: Any) -> Any:
        # Texts and values need each other: a JSON text holds values, and those hold texts.
        scrubbed = self._quick.scrubbed(value) if self._quick is not None else None
        return self._values.scrubbed(value) if scrubbed is None else scrubbed

    def __repr__(self) -> str:
        return f"<SensitiveFieldGuard pii={self.pii} extra_patterns={len(self._patterns)}>"
