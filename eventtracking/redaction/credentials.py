"""Credentials in a text that are recognised by their format or by the words around them."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

from eventtracking.redaction import value_tests
from eventtracking.redaction.spans import Finder, Span

# Minimum lengths of a credential after a scheme: with digits; a word that ends in a number
# ("basic skills101"); letters that are not written like a word; letters alone ("bearer of").
_WITH_DIGITS, _WORD_AND_NUMBER, _UNLIKE_WORD, _LETTERS = 8, 16, 20, 24
_SHORTEST_IN_LINK = 10

_SCHEME = re.compile(
    r"\b(bearer|basic|token|apikey|api-key|oauth|negotiate|ntlm|digest|sso-key|hmac|jwt|bot)"
    r"(?:[ \t:+]|\r?\n[ \t]){1,4}[\"']?((?:[\w.~+/=:|-]|%[0-9A-F]{2}){6,})",
    re.IGNORECASE,
)
_BASIC = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}\Z")
_NOT_IN_PROSE = re.compile(r"[\d_.~+/=]|[a-z][A-Z]")
_WORD_THEN_NUMBER = re.compile(r"[A-Za-z]+\d{1,4}\Z")
_SIGNED = re.compile(r"(?:Signature|Credential|response)=\"?([^\s,\"&]{6,})")

_PEM_BEGIN = re.compile(
    r"-{4,5} ?BEGIN (?=[A-Z0-9 ]{0,40}(?:KEY|CERTIFICATE|PGP|PKCS|CMS|PARAMETERS|REQUEST|CRL))"
    r"[A-Z0-9 ]{3,60}-{4,5}"
)
_PEM_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,60}-{0,5}")
_PEM_BODY_BACKWARDS = re.compile(r"[A-Za-z0-9+/=\s]*")

# A URL ends where the next one begins, which may be in its query. The scheme may be missing.
_URL = re.compile(r"(?:://|(?<![\w:/.)\\])//)((?:(?!://)[^\s\"'<>`|\\^{}])+)")
_PORT = re.compile(r"[^:@]*:\d{1,5}(?:[/?#]|\Z)")
_USER_AND_HOST = re.compile(
    r"(?<![\w:/+@.-])[\w.-]{1,64}:([^\s:@/\"']{3,128})"
    r"@(?:(?:tcp|unix)\(|(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}):\d{2,5}(?!\d)|localhost\b"
    r"|\d{1,3}(?:\.\d{1,3}){3})"
)
_HOST = re.compile(_USER_AND_HOST.pattern[_USER_AND_HOST.pattern.index("@(") :])
_NOT_USERS = re.compile(r"(?:mailto|acct|sips?|xmpp|im|https?|[\w-]*v\d)\Z", re.IGNORECASE)

_QUERY = re.compile(r"[?&#](code|key)=([^\s&#\"'<>]{16,})")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_AMAZON_SECRET = re.compile(
    r"secret[^\n]{0,40}?(?<![A-Za-z0-9/+])([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", re.IGNORECASE
)

_LINK = re.compile(
    r"/[\w-]{0,40}(?:reset|activat|magic|forgot|recover|unsubscribe|one-time)[\w-]{0,40}"
    r"/(?:[\w-]{1,40}/){0,3}?([\w-]*\d[\w-]*[:.]?[\w-]*)",
    re.IGNORECASE | re.ASCII,
)


def find(text: str) -> Iterator[Span]:
    """Yield the spans of the credentials in *text*."""
    low = text.lower()
    for indicator, finder in FINDERS:
        if indicator in low:
            yield from finder(text)


def _after_schemes(text: str) -> Iterator[Span]:
    """Find credentials after an authentication scheme such as `Bearer`."""
    for match in _SCHEME.finditer(text):
        scheme, value = match[1].lower(), match[2]
        bare = value.rstrip(".:,")
        if _is_credential(scheme, bare):
            yield match.start(2), match.start(2) + len(bare)


def _is_credential(scheme: str, value: str) -> bool:
    """Return whether *value* is a credential, and not the next word of a sentence."""
    if scheme == "basic":
        return _is_user_and_password(value)
    if not any(map(str.isdigit, value)):
        return len(value) >= (_UNLIKE_WORD if _NOT_IN_PROSE.search(value) else _LETTERS)
    if scheme == "bearer":
        return len(value) >= (_WORD_AND_NUMBER if _WORD_THEN_NUMBER.match(value) else _WITH_DIGITS)
    return value_tests.is_opaque(value) and "=" not in value[:-2]


def _is_user_and_password(value: str) -> bool:
    """Return whether *value* is the Base64 of `user:password`."""
    text = value.replace("%3D", "=").replace("%3d", "=").replace("%2B", "+").replace("%2F", "/")
    if not _BASIC.match(text):
        return False
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(padded) % 4 == 1:  # Base64 never has this length
        return False
    return b":" in b64decode(padded + "=" * (-len(padded) % 4))


def _signed(text: str) -> Iterator[Span]:
    """Find the signature in an `Authorization` header that signs the request."""
    for match in _SIGNED.finditer(text):
        yield match.span(1)


def _pem(text: str) -> Iterator[Span]:
    """Find PEM blocks. A block without an end extends to the end of the text."""
    at = 0
    first = _PEM_END.search(text)
    if first and not _PEM_BEGIN.search(text, 0, first.start()):
        body = _PEM_BODY_BACKWARDS.match(text[first.start() - 1 :: -1]) if first.start() else None
        yield first.start() - (body.end() if body else 0), first.end()
    while begin := _PEM_BEGIN.search(text, at):
        end = _PEM_END.search(text, begin.end())
        at = end.end() if end else len(text)
        yield begin.start(), at


def _in_urls(text: str) -> Iterator[Span]:
    """Find the password between `user:` and `@host`."""
    for match in _URL.finditer(text):
        found = _password(match[1])
        if found:
            yield match.start(1) + found[0], match.start(1) + found[1]
    for match in _USER_AND_HOST.finditer(text) if _HOST.search(text) else ():
        user = text[match.start() : match.start(1) - 1]
        if not _NOT_USERS.match(user):
            yield match.span(1)


def _password(url: str) -> Span | None:
    """Return the span of the password in *url*, which begins after the slashes."""
    authority = re.split(r"[/?#]", url, maxsplit=1)[0]
    # A password with an unescaped slash is invalid, but occurs.
    if "@" not in authority and ":" in authority and not _PORT.match(url):
        authority = url
    user, at, _ = authority.rpartition("@")
    if not at:
        return None
    name, colon, password = user.partition(":")
    if colon:
        is_secret = not value_tests.is_blank_or_masked(password)
        return (len(name) + 1, len(user)) if is_secret else None
    return (0, len(user)) if value_tests.is_opaque(user) else None


def _in_queries(text: str) -> Iterator[Span]:
    """Find the secrets that OAuth and others send in a parameter called `code` or `key`."""
    for match in _QUERY.finditer(text):
        value = match[2]
        if value_tests.is_opaque(value) and not (match[1] == "key" and _UUID.match(value)):
            yield match.span(2)


def _amazon_secrets(text: str) -> Iterator[Span]:
    """Find the secret access keys of Amazon, which only the word before them identifies."""
    for match in _AMAZON_SECRET.finditer(text):
        if value_tests.is_opaque(match[1]) and not match[1].islower():
            yield match.span(1)


def _links(text: str) -> Iterator[Span]:
    """Find the secret in a link that resets a password or activates an account."""
    for match in _LINK.finditer(text):
        if len(match[1]) >= _SHORTEST_IN_LINK:
            yield match.span(1)


FINDERS: tuple[tuple[str, Finder], ...] = (
    ("----", _pem),
    ("@", _in_urls),
    ("code=", _in_queries),
    ("key=", _in_queries),
    ("secret", _amazon_secrets),
    *((word, _links) for word in ("reset", "activat", "magic", "forgot", "recover", "one-time")),
    *((word, _after_schemes) for word in ("bearer", "basic", "token", "key", "oauth", "negotiate")),
    *((word, _after_schemes) for word in ("ntlm", "digest", "hmac", "jwt", "bot")),
    *((word, _signed) for word in ("aws4-hmac", "digest ", "sharedaccess")),
)
"""
The finders, each with an indicator in lower case.

A text in which a finder matches contains at least one indicator of it.
"""
