"""Sets of words, each written as one string."""

from __future__ import annotations

import unicodedata


def word_set(words: str) -> frozenset[str]:
    """Return the words in *words*, normalized like the words of a field name."""
    letters = unicodedata.normalize("NFKD", words).casefold()
    return frozenset("".join(c for c in letters if unicodedata.category(c) != "Mn").split())
