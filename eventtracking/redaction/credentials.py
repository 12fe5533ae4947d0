"""Secrets that give themselves away, wherever they stand in a text."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import TypeAlias

from eventtracking.redaction import suspicions
from eventtracking.redaction.views import Span

# (a part that every such token has, the token). The part is looked for first: that is a
# search for a constant, and most texts have none of them.
_B = r"(?<![A-Za-z0-9])"
_PLAIN_WORD = r"(?:[A-Z]?[a-z]{1,15}|[A-Z]{2,5}|\d{1,4})"
# `learn-tutorial-2026-Advanced-Topics`
_WORDS = rf"(?:{_PLAIN_WORD}[_-]++){{1,12}}+{_PLAIN_WORD}(?![\w-])"
_CUSTOMARY = (
    _B + r"[A-Za-z][A-Za-z0-9]{1,11}[_-](?:[a-z0-9]{1,8}[_-])?"
    r"(?:live|api|pat|secret|sk|token|tkn|tok|oauth|key|priv|prod)[_-]"
    r"(?=[A-Za-z_-]{0,40}\d)(?=[0-9a-z_-]{0,60}[A-Z])[\w-]{20,}"
)
_TokenPatterns: TypeAlias = tuple[tuple[str, re.Pattern[str]], ...]


def _token_patterns(*patterns: tuple[str, str]) -> _TokenPatterns:
    return tuple((part, re.compile(pattern, re.ASCII)) for part, pattern in patterns)


LONG_WORD = 16
"""So many letters, digits, `_` and `-` in a row have all tokens but the broken ones."""

# Dots and other signs may break these into short words.
BROKEN_TOKENS = _token_patterns(
    # Each run of letters is looked at once, from its first `eyJ` on: a thousand of
    # them in a row would otherwise be read a thousand times.
    ("eyJ", r"(?<![\w-])(?>[\w-]*?eyJ)[\w-]{8,}+(?:\.[\w-]{2,}+){1,4}+\.?"),
    ("gl", _B + r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct|rtr)-[\w.-]{16,}"),
    ("AT", _B + r"AT(?:ATT|CTT|BB)[\w=-]{20,}"),
    ("xox", _B + r"xox[a-z](?:\.xox[a-z])?-(?=[\w-]{0,80}\d)[\w-]{8,}"),
    ("hooks.slack.com", r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]{16,}"),
    ("webhook.office.com", r"(?<=webhook\.office\.com/)webhookb2/[\w@/-]{30,}"),
    ("whsec_", _B + r"whsec_[\w+/=]{16,}"),
    ("dp.", _B + r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}"),
    (".atlasv1.", _B + r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{20,}"),
    ("Q~", r"[\w.~-]{3}\dQ~[\w.~-]{31,40}"),
)
LONG_TOKENS = _token_patterns(
    # JSON Web Tokens, signed or encrypted, and what Django and Flask sign.
    ("eyJ", r"(?<![\w-])(?>[\w-]*?eyJ)[\w-]{8,}+={0,2}:[\w-]{5,8}:[\w-]{20,}"),
    (".eJ", r"\.eJ[\w-]{16,}(?:[.:][\w-]{5,}){1,2}"),
    # Amazon: key ids, and the secret that somebody wrote behind one.
    ("A", _B + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    (
        "A",
        r"(?<=(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})[\s:,;/|\"']{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    ("bedrock-api-key-", _B + r"bedrock-api-key-[\w=+/-]{16,}"),
    # GitHub, GitLab, Bitbucket and Atlassian
    ("gh", _B + r"gh[oprsu]_\w{16,}"),
    ("github_pat_", _B + r"github_pat_\w{20,}"),
    # Slack, Discord, Telegram, Teams
    ("xapp-", _B + r"xapp-[\w-]{16,}"),
    ("/webhooks/", r"(?<=/webhooks/)\d{15,22}/[\w-]{30,}"),
    (".", _B + r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}"),
    (":", r"(?<!\d)\d{8,10}:[\w-]{34,36}(?![\w-])"),
    # Payment
    ("k_", _B + r"(?:sk|rk)_(?:live|test|prod)_\w{8,}"),
    ("sq0", _B + r"sq0[a-z]{3}-[\w-]{20,}"),
    ("EAAA", _B + r"EAAA[\w-]{56,}"),
    ("access_token$", r"access_token\$(?:production|sandbox)\$\w{13,}\$[0-9a-f]{20,}"),
    # Google
    ("AIza", _B + r"AIza[\w-]{30,}"),
    ("ya29.", _B + r"ya29\.[\w-]{16,}"),
    ("1//0", r"(?<![\w/])1//0[\w-]{24,}"),
    ("GOCSPX-", _B + r"GOCSPX-[\w-]{16,}"),
    # Registries of packages
    ("pypi-", _B + r"pypi-[\w-]{16,}"),
    ("npm_", _B + r"npm_[A-Za-z0-9]{20,}"),
    ("rubygems_", _B + r"rubygems_[0-9a-f]{24,}"),
    ("dckr_", _B + r"dckr_[a-z]{3}_[\w-]{16,}"),
    ("oy2", _B + r"oy2[a-z0-9]{43}(?![A-Za-z0-9])"),
    ("cio", _B + r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    # Mail and messages
    ("SG.", _B + r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("SK", _B + r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("key-", _B + r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("-us", _B + r"[0-9a-f]{32}-us[0-9]{1,2}(?![A-Za-z0-9])"),
    ("keysib-", _B + r"x(?:key|smtp)sib-[\w-]{30,}"),
    ("PMAK-", _B + r"PMAK-[\w-]{30,}"),
    # Language models
    ("sk-", _B + r"sk-(?:ant|proj|svcacct|admin|or|lf)-[\w-]{16,}"),
    ("sk-", _B + rf"sk-(?!{_WORDS})(?=[\w-]{{0,80}}\d)(?=[\w-]{{0,80}}[A-Z])[\w-]{{20,}}"),
    ("sk-", _B + r"sk-[0-9a-f]{32}(?![\w-])"),
    ("hf_", _B + r"hf_[A-Za-z0-9]{24,}"),
    ("r8_", _B + r"r8_\w{30,}"),
    ("gsk_", _B + r"gsk_[A-Za-z0-9]{30,}"),
    ("pplx-", _B + r"pplx-[A-Za-z0-9]{30,}"),
    ("xai-", _B + r"xai-[A-Za-z0-9]{40,}"),
    # Clouds and shops
    ("shp", _B + r"shp(?:at|ca|pa|ss|tka|ua)_[0-9A-Fa-f]{24,}"),
    ("_v1_", _B + r"do[opr]_v1_[0-9a-f]{32,}"),
    ("dapi", _B + r"dapi[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])"),
    ("hv", _B + r"hv[sbr]\.[\w-]{20,}"),
    ("s.", r"(?<![\w.])s\.(?=[A-Za-z]*\d)[A-Za-z0-9]{24}(?![\w.])"),
    ("HRKU-", _B + r"HRKU-[\w-]{20,}"),
    ("LTAI", _B + r"LTAI[A-Za-z0-9]{12,26}(?![A-Za-z0-9])"),
    ("AKID", _B + r"AKID[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    ("AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{30,}"),
    ("tskey-", _B + r"tskey-[\w-]{16,}"),
    ("NRAK-", _B + r"NRAK-[A-Z0-9]{20,}"),
    ("PuTTY-User-Key-File-", r"PuTTY-User-Key-File-\d: [\s\S]*"),
    # And whoever follows the custom: letters, a kind, many letters and digits.
    ("_", _CUSTOMARY),
    ("-", _CUSTOMARY),
    (
        "_",
        _B + r"(?:lin_api|dd_api|sb_secret|ghost|sntrys|sntryu|glsa|figd|figu|ntn|sbp|tfp|rpa|"
        r"nfp|pul|fo1|fm2|pscale_tkn|pscale_pw|lip|re|patch|phx|phc|sgp|e2b|nvapi|whpat|ddp)"
        r"_(?=[A-Za-z_]{0,40}\d)[A-Za-z0-9_]{16,}",
    ),
)
_TOKENS = BROKEN_TOKENS + LONG_TOKENS

# "Bearer of" and "basic skills101" are English.
_SHORT, _LONG, _LONG_WORD, _NO_WORD = 8, 16, 20, 24
_SHORTEST_IN_LINK = 10

_SCHEME = re.compile(
    r"\b(bearer|basic|token|apikey|api-key|oauth|negotiate|ntlm|digest|sso-key|hmac|jwt|bot)"
    r"(?:[ \t:+]|\r?\n[ \t]){1,4}[\"']?((?:[\w.~+/=:|-]|%[0-9A-F]{2}){6,})",
    re.IGNORECASE,
)
_BASIC = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}\Z")
_NOT_IN_SENTENCES = re.compile(r"[\d_.~+/=]|[a-z][A-Z]")
_WORD_WITH_NUMBER = re.compile(r"[A-Za-z]+\d{1,4}\Z")
_SIGNED = re.compile(r"(?:Signature|Credential|response)=\"?([^\s,\"&]{6,})")

_PEM_BEGIN = re.compile(
    r"-{4,5} ?BEGIN (?=[A-Z0-9 ]{0,40}(?:KEY|CERTIFICATE|PGP|PKCS|CMS|PARAMETERS|REQUEST|CRL))"
    r"[A-Z0-9 ]{3,60}-{4,5}"
)
_PEM_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,60}-{0,5}")
_PEM_BODY_BACKWARDS = re.compile(r"[A-Za-z0-9+/=\s]*")

# One URL ends where the next begins, which may stand in its query. It may have no scheme.
_URL = re.compile(r"(?:://|(?<![\w:/.)\\])//)((?:(?!://)[^\s\"'<>`|\\^{}])+)")
_PORT = re.compile(r"[^:@]*:\d{1,5}(?:[/?#]|\Z)")
_USER = re.compile(
    r"(?<![\w:/+@.-])[\w.-]{1,64}:([^\s:@/\"']{3,128})"
    r"@(?:(?:tcp|unix)\(|(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}):\d{2,5}(?!\d)|localhost\b"
    r"|\d{1,3}(?:\.\d{1,3}){3})"
)
_HOST_OF_USER = re.compile(_USER.pattern[_USER.pattern.index("@(") :])
_NO_USERS = re.compile(r"(?:mailto|acct|sips?|xmpp|im|https?|[\w-]*v\d)\Z", re.IGNORECASE)

_QUERY = re.compile(r"[?&#](code|key)=([^\s&#\"'<>]{16,})")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_AMAZON = re.compile(
    r"secret[^\n]{0,40}?(?<![A-Za-z0-9/+])([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", re.IGNORECASE
)

_LINK = re.compile(
    r"/[\w-]{0,40}(?:reset|activat|magic|forgot|recover|unsubscribe|one-time)[\w-]{0,40}"
    r"/(?:[\w-]{1,40}/){0,3}?([\w-]*\d[\w-]*[:.]?[\w-]*)",
    re.IGNORECASE | re.ASCII,
)


def find(text: str) -> Iterator[Span]:
    """Yield where in *text* secrets stand that need no name to be known."""
    yield from tokens(text)
    low = text.lower()
    for sign, finder in FINDERS:
        if sign in low:
            yield from finder(text)


def tokens(text: str) -> Iterator[Span]:
    """Yield where in *text* tokens stand, which are known by how they are made."""
    for part, pattern in _TOKENS:
        if part in text:
            for match in pattern.finditer(text):
                yield match.span()


def _after_schemes(text: str) -> Iterator[Span]:
    """Find what stands behind `Bearer` and its like, unless it goes on like a sentence."""
    for match in _SCHEME.finditer(text):
        scheme, value = match[1].lower(), match[2]
        bare = value.rstrip(".:,")
        if _is_credential(scheme, bare):
            yield match.start(2), match.start(2) + len(bare)


def _is_credential(scheme: str, value: str) -> bool:
    if scheme == "basic":
        return _is_user_and_password(value)
    if not any(map(str.isdigit, value)):
        longest = _LONG_WORD if _NOT_IN_SENTENCES.search(value) else _NO_WORD
        return len(value) >= longest
    if scheme == "bearer":
        return len(value) >= (_LONG if _WORD_WITH_NUMBER.match(value) else _SHORT)
    return suspicions.opaque(value) and "=" not in value[:-2]


def _is_user_and_password(value: str) -> bool:
    text = value.replace("%3D", "=").replace("%3d", "=").replace("%2B", "+").replace("%2F", "/")
    if not _BASIC.match(text):
        return False
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(padded) % 4 == 1:  # no bytes have a code of that length
        return False
    return b":" in b64decode(padded + "=" * (-len(padded) % 4))


def _signed(text: str) -> Iterator[Span]:
    for match in _SIGNED.finditer(text):
        yield match.span(1)


def _pem(text: str) -> Iterator[Span]:
    """Find PEM blocks. One without an end reaches to the end of the text."""
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
    for match in _USER.finditer(text) if _HOST_OF_USER.search(text) else ():
        user = text[match.start() : match.start(1) - 1]
        if not _NO_USERS.match(user):
            yield match.span(1)


def _password(url: str) -> Span | None:
    """Return where the password stands in *url*, which begins behind the slashes."""
    authority = re.split(r"[/?#]", url, maxsplit=1)[0]
    # One with a raw slash in it is against the rules, and occurs.
    if "@" not in authority and ":" in authority and not _PORT.match(url):
        authority = url
    user, at, _ = authority.rpartition("@")
    if not at:
        return None
    name, colon, password = user.partition(":")
    if colon:
        return (len(name) + 1, len(user)) if not suspicions.is_spared(password) else None
    return (0, len(user)) if suspicions.opaque(user) else None


def _in_queries(text: str) -> Iterator[Span]:
    """Find what OAuth and others hand over as a mere `code` or `key`."""
    for match in _QUERY.finditer(text):
        value = match[2]
        if suspicions.opaque(value) and not (match[1] == "key" and _UUID.match(value)):
            yield match.span(2)


def _near_its_name(text: str) -> Iterator[Span]:
    """Find the forty letters of a secret of Amazon's, which have no sign of their own."""
    for match in _AMAZON.finditer(text):
        if suspicions.opaque(match[1]) and not match[1].islower():
            yield match.span(1)


def _links(text: str) -> Iterator[Span]:
    """Find the secret in a link that lets its bearer set a password."""
    for match in _LINK.finditer(text):
        if len(match[1]) >= _SHORTEST_IN_LINK:
            yield match.span(1)


# (what the text must hold, in small letters, and who looks then)
FINDERS: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
    ("----", _pem),
    ("@", _in_urls),
    ("code=", _in_queries),
    ("key=", _in_queries),
    ("secret", _near_its_name),
    *((sign, _links) for sign in ("reset", "activat", "magic", "forgot", "recover", "one-time")),
    *((sign, _after_schemes) for sign in ("bearer", "basic", "token", "key", "oauth", "negotiate")),
    *((sign, _after_schemes) for sign in ("ntlm", "digest", "hmac", "jwt", "bot")),
    *((sign, _signed) for sign in ("aws4-hmac", "digest ", "sharedaccess")),
)
