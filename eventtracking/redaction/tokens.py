"""Access tokens of well-known services, recognised by their format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from eventtracking.redaction.spans import Span

LONG_WORD = 16
"""The length from which a row of letters, digits, `_` and `-` may be a token."""

# The start of a word.
_B = r"(?<![A-Za-z0-9])"
_PLAIN_WORD = r"(?:[A-Z]?[a-z]{1,15}|[A-Z]{2,5}|\d{1,4})"
# `learn-tutorial-2026-Advanced-Topics`
_WORDS = rf"(?:{_PLAIN_WORD}[_-]++){{1,12}}+{_PLAIN_WORD}(?![\w-])"
_CONVENTIONAL = (
    _B + r"[A-Za-z][A-Za-z0-9]{1,11}[_-](?:[a-z0-9]{1,8}[_-])?"
    r"(?:live|api|pat|secret|sk|token|tkn|tok|oauth|key|priv|prod)[_-]"
    r"(?=[A-Za-z_-]{0,40}\d)(?=[0-9a-z_-]{0,60}[A-Z])[\w-]{20,}"
)
# (a constant that every such token contains, the pattern). The constant is searched for first,
# which is fast and rules out most texts.
_TokenPatterns: TypeAlias = tuple[tuple[str, re.Pattern[str]], ...]


def _token_patterns(*patterns: tuple[str, str]) -> _TokenPatterns:
    return tuple((constant, re.compile(pattern, re.ASCII)) for constant, pattern in patterns)


SEGMENTED_TOKENS = _token_patterns(
    # The atomic group skips to the first `eyJ` of a word: a word of a thousand of them would
    # otherwise be read a thousand times.
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
"""Tokens that dots and other punctuation may break into short words."""

LONG_WORD_TOKENS = _token_patterns(
    # JSON Web Tokens, and values signed by Django and Flask
    ("eyJ", r"(?<![\w-])(?>[\w-]*?eyJ)[\w-]{8,}+={0,2}:[\w-]{5,8}:[\w-]{20,}"),
    (".eJ", r"\.eJ[\w-]{16,}(?:[.:][\w-]{5,}){1,2}"),
    # Amazon: access key ids, and a secret access key that follows one
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
    # Package registries
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
    # Language model APIs
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
    # The convention of many others: a prefix, a kind, then letters and digits
    ("_", _CONVENTIONAL),
    ("-", _CONVENTIONAL),
    (
        "_",
        _B + r"(?:lin_api|dd_api|sb_secret|ghost|sntrys|sntryu|glsa|figd|figu|ntn|sbp|tfp|rpa|"
        r"nfp|pul|fo1|fm2|pscale_tkn|pscale_pw|lip|re|patch|phx|phc|sgp|e2b|nvapi|whpat|ddp)"
        r"_(?=[A-Za-z_]{0,40}\d)[A-Za-z0-9_]{16,}",
    ),
)
"""Tokens that contain a word of at least `LONG_WORD` characters."""

_TOKENS = SEGMENTED_TOKENS + LONG_WORD_TOKENS


def find(text: str) -> Iterator[Span]:
    """Yield the spans of the tokens in *text*."""
    for constant, pattern in _TOKENS:
        if constant in text:
            for match in pattern.finditer(text):
                yield match.span()


def may_contain_segmented_token(text: str) -> bool:
    """Return whether *text* contains one of the `SEGMENTED_TOKENS`."""
    # A loop, because any() over a generator takes twice the time.
    for constant, pattern in SEGMENTED_TOKENS:  # noqa: SIM110
        if constant in text and pattern.search(text):
            return True
    return False
