"""Payment card numbers, however their digits are grouped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from eventtracking.redaction.spans import Span

SMALLEST = 10**11
"""The smallest number with as many digits as a card number."""

_SHORTEST, _LONGEST = 12, 19

# German telephone numbers begin with 49 and have this length.
_GERMAN_TELEPHONE = 13

# Groups may be separated by up to three spaces or by one other character.
_GROUPS = re.compile(r"\d(?: ?[-./_+] ?\d|,\d|[ \t]{0,3}\d|[\r\n]{1,2}\d)+")
_GROUP = re.compile(r"\d+")
# Any other character may also separate them, once or twice, if it is the same throughout. A comma
# separates the items of a list.
_UNIFORM_GROUPS = re.compile(
    r"(?<!\d)\d++(?P<gap>(?P<separator>[^\w\s,]|_)(?P=separator)?)\d++(?:(?P=gap)\d++)*+"
)
# Times and hardware addresses have shorter groups.
_SHORTEST_GROUP = 4

# A number with one of these around it belongs to something else: an id, a float, a course key.
_BEFORE = re.compile(r"(?:[^\W\d]|[@$]|[^\W_][-._])\Z")
_AFTER = re.compile(r"[^\W\d]|@|[-_][^\W_]|\.\d")
_TRACK = re.compile(r"%?B\Z")

_GROUPINGS = frozenset(
    {(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (8, 8), (6, 10), (4, 12)}
    | {(5, 5, 5), (4, 4, 4, 3), (4, 4, 4, 1), (6, 6, 4), (6, 13), (4, 4, 4, 2), (4, 4, 5)}
)
_FIRST_GROUPS = frozenset(lengths[0] for lengths in _GROUPINGS if lengths[0] < _SHORTEST)

# (first and last prefix, of equal length; lengths of the number). Issuers as of 2024,
# https://en.wikipedia.org/wiki/Payment_card_number
_ISSUERS = (
    (4, 4, (13, 16, 18, 19)),
    (51, 55, (16,)),
    (2221, 2720, (16,)),
    (34, 34, (15,)),
    (37, 37, (15,)),
    (300, 305, (14, 16, 17, 18, 19)),
    (3095, 3095, (14, 16)),
    (36, 36, (14, 15, 16, 17, 18, 19)),
    (38, 39, (14, 16, 17, 18, 19)),
    (3528, 3589, (16, 17, 18, 19)),
    (6011, 6011, (16, 17, 18, 19)),
    (644, 649, (16, 17, 18, 19)),
    (65, 65, (16, 17, 18, 19)),
    (62, 62, (16, 17, 18, 19)),
    (81, 82, (16, 17, 18, 19)),
    (60, 60, (16,)),
    (508, 508, (16,)),
    (2200, 2204, (16, 17, 18, 19)),
    (9792, 9792, (16,)),
    (5018, 5018, (12, 13, 14, 15, 16, 17, 18, 19)),
    (5020, 5020, (12, 13, 14, 15, 16, 17, 18, 19)),
    (5038, 5038, (12, 13, 14, 15, 16, 17, 18, 19)),
    (5019, 5019, (16,)),
    (5061, 5061, (16, 18, 19)),
    (5067, 5067, (16,)),
    (5893, 5893, (12, 13, 14, 15, 16, 17, 18, 19)),
    (6304, 6304, (12, 13, 14, 15, 16, 17, 18, 19)),
    (6759, 6759, (12, 13, 14, 15, 16, 17, 18, 19)),
    (6761, 6763, (12, 13, 14, 15, 16, 17, 18, 19)),
    (6334, 6334, (16, 18, 19)),
    (6767, 6767, (16, 18, 19)),
    (636, 639, (16,)),
)
_DOUBLED = str.maketrans("0123456789", "0246813579")


def is_card_number(digits: str) -> bool:
    """Return whether *digits* has the prefix and length of an issuer, and a valid check digit."""
    return _is_issued(digits) and _luhn_sum(digits) % 10 == 0


def is_card_integer(number: int) -> bool:
    """Return whether *number* is a card number."""
    return SMALLEST <= number < 10**19 and is_card_number(str(number))


def find(text: str) -> Iterator[Span]:
    """Yield the spans of the card numbers in *text*."""
    for match in _GROUPS.finditer(text):
        start, end = match.span()
        if end - start >= _SHORTEST:
            yield from _in_groups(text, start, end)
    for match in _UNIFORM_GROUPS.finditer(text):
        groups = [*_groups(text, *match.span())]
        if _is_usual(groups) and _is_card(text, groups):
            yield match.span()


def _groups(text: str, start: int, end: int) -> Iterator[Span]:
    return (match.span() for match in _GROUP.finditer(text, start, end))


def _is_usual(groups: list[Span]) -> bool:
    """Return whether *groups* are as on a card, or of equal length except for the last."""
    first, *others = _lengths(groups)
    is_even = first >= _SHORTEST_GROUP and {*others[:-1]} <= {first} and others[-1] <= first
    return is_even or (first, *others) in _GROUPINGS


def _lengths(groups: list[Span]) -> tuple[int, ...]:
    return tuple(end - start for start, end in groups)


def _in_groups(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the cards in a row of groups, which may contain other numbers as well."""
    groups = [*_groups(text, start, end)]
    # Numbers separated by commas are a list, and not one number in groups.
    is_list = text.find(",", start, end) >= 0
    if len(groups) <= _LONGEST and not is_list and _is_card(text, groups):
        yield start, end
        return
    at = 0
    while at < len(groups):
        size = _size_of_card(text, groups, at)
        if size:
            yield groups[at][0], groups[at + size - 1][1]
        at += size or 1


def _size_of_card(text: str, groups: list[Span], at: int) -> int:
    """Return the number of groups, from index *at*, that form a card in a usual grouping, or 0."""
    first = groups[at][1] - groups[at][0]
    # Most numbers do not begin a card, and a text may hold a hundred thousand of them.
    sizes = (5, 4, 3, 2) if first in _FIRST_GROUPS else (1,) if first >= _SHORTEST else ()
    for size in sizes:
        row = groups[at : at + size]
        usual = size == 1 or _lengths(row) in _GROUPINGS
        if len(row) == size and usual and _has_same_gaps(text, row) and _is_card(text, row):
            return size
    return 0


def _has_same_gaps(text: str, groups: list[Span]) -> bool:
    return len({text[a[1] : b[0]] for a, b in pairwise(groups)}) <= 1


def _is_card(text: str, groups: list[Span]) -> bool:
    digits = "".join(text[start:end] for start, end in groups)
    return (
        is_card_number(digits)
        and _stands_alone(text, groups[0][0], groups[-1][1])
        and not _is_float(text, groups)
    )


def _is_float(text: str, groups: list[Span]) -> bool:
    return [text[a[1] : b[0]] for a, b in pairwise(groups)] == ["."]


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Return whether the number between *start* and *end* is not part of something longer."""
    before, after = text[max(0, start - 2) : start], text[end : end + 5]
    if _TRACK.search(before):
        return True
    if "+" not in text[start:end] and (before.endswith("+") or after.startswith("+")):
        return False
    return not _BEFORE.search(before) and not _AFTER.match(after)


def _is_issued(digits: str) -> bool:
    if len(digits) == _GERMAN_TELEPHONE and digits.startswith("49"):
        return False
    return any(
        len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high
        for low, high, lengths in _ISSUERS
    )


def _luhn_sum(digits: str) -> int:
    doubled = digits[-2::-2].translate(_DOUBLED)
    return sum(map(int, digits[::-2])) + sum(map(int, doubled))
