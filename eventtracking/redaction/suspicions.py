"""
What a value under a telling name must look like to be a secret.

Some names leave no doubt: whatever stands under `password` goes. Others are also used for
harmless things (`pin` fixes a column, `auth` says "ldap"), and the value has to confirm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from eventtracking.redaction.wordlists import word_set

Suspicion: TypeAlias = Callable[[Any], bool]
"""Tells whether a value (a text or a number) under a name is what the name lets one fear."""

# Machines make long keys; a shorter one has at least letters and digits.
_LONG, _SHORT = 16, 8
_SMALLEST_PIN = 100
# What is below it counts something: `secrets_rotated`.
_SMALLEST_SECRET_NUMBER = 1000
_MORE_THAN_LAST_FOUR = 8
_LONGEST_MARK = 64

_OPAQUE = re.compile(r"[\w.~+/=%:|-]{16,}\Z", re.ASCII)
_PIN = re.compile(r"\s*\d(?:[\s-]?\d){2,11}\s*\Z", re.ASCII)
_NUMBER = re.compile(r"[\d\s*xX.-]{8,40}\Z")
_HASH = re.compile(r"[0-9a-f]{32}\Z")
_PLAIN_WORDS = re.compile(r"[^\W\d_]{1,20}(?:[ _-][^\W\d_]{1,20}){0,2}\Z")
_DATE = re.compile(r"\d{1,4}(?:[-./:T ]{1,2}\d{1,6}){1,7}Z?\Z|\d{1,3}\Z", re.ASCII)
_STATES = word_set(
    "yes no ok true false pass passed passing fail failed failing partial complete completed "
    "gold silver bronze basic premium standard free day week month season annual active"
)
_METHODS = word_set(
    "basic bearer digest oauth oauth1 oauth2 saml saml2 sso ldap kerberos ntlm jwt oidc openid lti "
    "cas session password token email google github facebook microsoft apple twitter linkedin "
    "local remote internal external public private anonymous required optional ok success failure "
    "failed passed granted denied login logout register signup enabled disabled mfa totp"
)
_MARKED = re.compile(
    r"\s*(?:[*•·●xX#.]{3,}|[<\[({]*\s*(?:redacted|filtered|masked|hidden|removed|scrubbed|censored"
    r"|unchecked|none|null|nil|undefined|true|false|n/a|cycle|too deep|unserializable \w+)"
    r"\s*[>\])}]*)?\s*\Z",
    re.IGNORECASE,
)


def always(_: Any) -> bool:
    """Fear the worst of any value."""
    return True


def opaque(value: Any) -> bool:
    """Tell whether *value* is one long word of letters and digits, as machines make them."""
    return isinstance(value, str) and bool(_OPAQUE.match(value)) and _is_mixed(value)


def session_cookie(value: Any) -> bool:
    """Tell whether *value* may be the key of a session, which is a text of some length."""
    if not isinstance(value, str) or " " in value:
        return False
    return len(value) >= _LONG or (len(value) >= _SHORT and _is_mixed(value))


def raw_session(value: Any) -> bool:
    """Tell whether *value* is the key of a session, and not the salted hash of one."""
    # Asked in this order, because nearly every event holds such a hash.
    return isinstance(value, str) and not _HASH.match(value) and opaque(value)


def numeric_code(value: Any) -> bool:
    """Tell whether *value* is a short number that a person types, such as a PIN."""
    if isinstance(value, str):
        return bool(_PIN.match(value))
    return isinstance(value, int) and _SMALLEST_PIN <= value < 10**12


def has_digit(value: Any) -> bool:
    """Tell whether *value* holds a digit, as codes do and the words about them do not."""
    return not isinstance(value, str) or any(letter.isdigit() for letter in value)


def account_number(value: Any) -> bool:
    """Tell whether *value* has the digits of a whole card, and not only its last four."""
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str) or not _NUMBER.match(text):
        return False
    return (
        isinstance(text, str) and sum(letter.isdigit() for letter in text) >= _MORE_THAN_LAST_FOUR
    )


def not_a_method(value: Any) -> bool:
    """Tell whether *value* is something else than the name of a way to log in."""
    return isinstance(value, str) and value.strip().casefold() not in _METHODS


def not_a_result(value: Any) -> bool:
    """Tell whether *value* is something else than a grade, a number of passes or their kind."""
    return isinstance(value, str) and value.strip().casefold() not in _STATES


def unlike_words(value: Any) -> bool:
    """Tell whether *value* is more than a few ordinary words, a date or a small number."""
    if isinstance(value, str):
        return not _PLAIN_WORDS.match(value.strip()) and not _DATE.match(value)
    return isinstance(value, int) and value >= _SMALLEST_SECRET_NUMBER


def is_spared(value: Any) -> bool:
    """Tell whether *value* says nothing: empty, true or false, or hidden by somebody before."""
    if value is None or isinstance(value, bool):
        return True
    # The longest mark is short, and the expression need not look at a book.
    return isinstance(value, str) and len(value) < _LONGEST_MARK and bool(_MARKED.match(value))


def _is_mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))
