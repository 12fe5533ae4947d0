"""
Tests that decide whether the value of a field with a sensitive name is a secret.

Some names leave no doubt: any value of `password` is a secret. Other names have harmless
uses as well (`pin` fixes a column, `auth` says "ldap"), and the value has to decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from eventtracking.redaction.wordlists import word_set

ValueTest: TypeAlias = Callable[[Any], bool]
"""Returns whether a value, a text or number, is the kind of secret that its name suggests."""

# Generated keys are long. A shorter one mixes letters and digits at least.
_LONG, _SHORT = 16, 8
_SMALLEST_PIN = 100
# Smaller numbers are counts: `secrets_rotated`.
_SMALLEST_SECRET_NUMBER = 1000
_SHORTEST_ACCOUNT_NUMBER = 8
_LONGEST_MASK = 64

_OPAQUE = re.compile(r"[\w.~+/=%:|-]{16,}\Z", re.ASCII)
_PIN = re.compile(r"\s*\d(?:[\s-]?\d){2,11}\s*\Z", re.ASCII)
_NUMBER = re.compile(r"[\d\s*xX.-]{8,40}\Z")
_HASH = re.compile(r"[0-9a-f]{32}\Z")
_PLAIN_WORDS = re.compile(r"[^\W\d_]{1,20}(?:[ _-][^\W\d_]{1,20}){0,2}\Z")
_DATE = re.compile(r"\d{1,4}(?:[-./:T ]{1,2}\d{1,6}){1,7}Z?\Z|\d{1,3}\Z", re.ASCII)
_RESULTS = word_set(
    "yes no ok true false pass passed passing fail failed failing partial complete completed "
    "gold silver bronze basic premium standard free day week month season annual active"
)
_LOGIN_METHODS = word_set(
    "basic bearer digest oauth oauth1 oauth2 saml saml2 sso ldap kerberos ntlm jwt oidc openid lti "
    "cas session password token email google github facebook microsoft apple twitter linkedin "
    "local remote internal external public private anonymous required optional ok success failure "
    "failed passed granted denied login logout register signup enabled disabled mfa totp"
)
_MASK = re.compile(
    r"\s*(?:[*•·●xX#.]{3,}|[<\[({]*\s*(?:redacted|filtered|masked|hidden|removed|scrubbed|censored"
    r"|unchecked|none|null|nil|undefined|true|false|n/a|cycle|too deep|unserializable \w+)"
    r"\s*[>\])}]*)?\s*\Z",
    re.IGNORECASE,
)


def always(_: Any) -> bool:
    """Accept any value: the name alone makes it a secret."""
    return True


def is_opaque(value: Any) -> bool:
    """Return whether *value* is one long word of letters and digits, like a generated key."""
    return isinstance(value, str) and bool(_OPAQUE.match(value)) and _is_mixed(value)


def is_session_cookie(value: Any) -> bool:
    """Return whether *value* may be the key of a session: a word of some length."""
    if not isinstance(value, str) or " " in value:
        return False
    return len(value) >= _LONG or (len(value) >= _SHORT and _is_mixed(value))


def is_raw_session_key(value: Any) -> bool:
    """Return whether *value* is a session key, and not the salted hash of one."""
    # The hash is checked first because nearly every event contains one.
    return isinstance(value, str) and not _HASH.match(value) and is_opaque(value)


def is_numeric_code(value: Any) -> bool:
    """Return whether *value* is a short number that people type, such as a PIN."""
    if isinstance(value, str):
        return bool(_PIN.match(value))
    return isinstance(value, int) and _SMALLEST_PIN <= value < 10**12


def has_digit(value: Any) -> bool:
    """Return whether *value* holds a digit, as codes do and words about codes do not."""
    return not isinstance(value, str) or any(letter.isdigit() for letter in value)


def is_account_number(value: Any) -> bool:
    """Return whether *value* has the digits of a whole card number, not only the last four."""
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str) or not _NUMBER.match(text):
        return False
    return sum(letter.isdigit() for letter in text) >= _SHORTEST_ACCOUNT_NUMBER


def is_not_login_method(value: Any) -> bool:
    """Return whether *value* is a text other than the name of a login method."""
    return isinstance(value, str) and value.strip().casefold() not in _LOGIN_METHODS


def is_not_result(value: Any) -> bool:
    """Return whether *value* is a text other than a test result or the type of a ticket."""
    return isinstance(value, str) and value.strip().casefold() not in _RESULTS


def is_not_plain_words(value: Any) -> bool:
    """Return whether *value* is anything but a few ordinary words, a date or a small number."""
    if isinstance(value, str):
        return not _PLAIN_WORDS.match(value.strip()) and not _DATE.match(value)
    return isinstance(value, int) and value >= _SMALLEST_SECRET_NUMBER


def is_blank_or_masked(value: Any) -> bool:
    """Return whether *value* reveals nothing: empty, true or false, or masked before."""
    if value is None or isinstance(value, bool):
        return True
    # Masks are short, and the regular expression would read a long text to its end.
    return isinstance(value, str) and len(value) < _LONGEST_MASK and bool(_MASK.match(value))


def _is_mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))
