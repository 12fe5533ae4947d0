"""Spans of text, which is how the finders report secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Start and end of a section of a text."""

Finder: TypeAlias = Callable[[str], Iterator[Span]]
"""Yields the spans of the secrets of one kind in a text."""


def merge_overlapping(spans: list[Span]) -> list[Span]:
    """Return *spans* in order, with overlapping ones merged."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
