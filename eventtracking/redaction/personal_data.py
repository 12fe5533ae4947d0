"""Personal data: e-mail and IP addresses, bank accounts, US social security numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from eventtracking.redaction.spans import Finder, Span

_LOCAL_PART = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_IMAGE_SIZE = re.compile(r"\dx\.(?:png|jpe?g|gif|webp|svg)\Z", re.IGNORECASE)

_SSN = re.compile(
    r"(?<![\w.+-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\w+]|[-.]\d)", re.ASCII
)

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\w.+-])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w+]|[.-]\w)", re.ASCII)
_VERSION_BEFORE = re.compile(
    r"(?:[A-Za-z)]/|\bv|ver(?:sion)?s?\.?[ :=\"']{0,4}|release[ :=\"']{0,4}|build[ :=\"']{0,4}"
    r"|firmware[ :=\"']{0,4}|section |chapter |exercise |problem |[§=<>~^]=? ?)\Z",
    re.IGNORECASE,
)
_ADDRESS_BEFORE = re.compile(r"(?:://|[?&;]\w{1,40}=|\bip\w{0,12}=|addr\w{0,12}=|host\w{0,12}=)\Z")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\w:])")

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?:[ -]?[A-Za-z0-9]){11,40}", re.ASCII)
_IBAN_START = re.compile(
    r"\d(?<=[A-Za-z]{2}\d)(?<![A-Za-z0-9]{3}\d)\d(?:[ -]?[A-Za-z0-9]){11}", re.ASCII
)
# https://en.wikipedia.org/wiki/International_Bank_Account_Number
_IBAN_LENGTHS = {
    country: length
    for length, countries in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FK FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    )
    for country in countries.split()
}


def find(text: str) -> Iterator[Span]:
    """Yield the spans of the personal data in *text*."""
    for indicator, finder in FINDERS:
        if indicator.search(text):
            yield from finder(text)


def _email_addresses(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        local = _LOCAL_PART.search(text, max(0, at - 64), at) if domain else None
        if domain and local and _is_email(text, local.start(), domain):
            yield _local_start(text, local.start(), at), domain.end()
        at = text.find("@", at + 1)


def _local_start(text: str, start: int, at: int) -> int:
    """Return the start of the local part, without an `email=` or the path of a URL before it."""
    return max(start, *(text.rfind(delimiter, start, at) + 1 for delimiter in "=/&?'{|`"))


def _is_email(text: str, start: int, domain: re.Match[str]) -> bool:
    """Return whether this is an e-mail address, not an SSH remote, a usage key or `a@2x.png`."""
    if _IMAGE_SIZE.match(domain[0]):
        return False
    before, after = text[max(0, start - 3) : start], text[domain.end() : domain.end() + 2]
    is_remote = after[:1] == ":" and after[1:] not in ("", " ", "\n", "\t")
    is_remote = (is_remote and not after[1:].isdigit()) or before.endswith("://")
    return not is_remote and not before.endswith("@")


def _bank_accounts(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper(), 0)
        places = [match.start() + n for n, letter in enumerate(match[0]) if letter.isalnum()]
        if not length or len(places) < length:
            continue
        end = places[length - 1] + 1
        if not text[end : end + 1].isalnum() and _has_checksum(text[match.start() : end]):
            yield match.start(), end


def _has_checksum(account: str) -> bool:
    letters = "".join(letter for letter in account if letter.isalnum())
    return int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1


def _social_security_numbers(text: str) -> Iterator[Span]:
    for match in _SSN.finditer(text):
        yield match.span()


def _ipv4_addresses(text: str) -> Iterator[Span]:
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - 48) : match.start()]
        if not _VERSION_BEFORE.search(before) or _ADDRESS_BEFORE.search(before):
            yield match.span()


def _ipv6_addresses(text: str) -> Iterator[Span]:
    for match in _IPV6.finditer(text):
        if _is_ipv6(match[0]):
            yield match.span()


def _is_ipv6(text: str) -> bool:
    if not any(map(str.isdigit, text)):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


FINDERS: tuple[tuple[re.Pattern[str], Finder], ...] = (
    (re.compile(r"@"), _email_addresses),
    (_IBAN_START, _bank_accounts),
    (re.compile(r"\d[- ]\d\d[- ]\d", re.ASCII), _social_security_numbers),
    (re.compile(r"\.\d{1,3}\.\d", re.ASCII), _ipv4_addresses),
    (re.compile(r":[0-9A-Fa-f]{0,4}:"), _ipv6_addresses),
)
"""
Each finder with its indicator, which is in every text with a match.

An indicator begins with one of a few characters, which makes the search fast.
"""
