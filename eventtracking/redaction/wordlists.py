"""Lists of words, written as one text."""

from __future__ import annotations

import unicodedata


def word_set(text: str) -> frozenset[str]:
    """Return the words of *text*, in the form in which the words of names are compared."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return frozenset("".join(c for c in letters if unicodedata.category(c) != "Mn").split())
