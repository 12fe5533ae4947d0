"""Keep secrets out of everything that shows settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from eventtracking._options import safe_repr
from eventtracking.settings.names import MAX_DEPTH
from eventtracking.settings.secrets import parse_reference

MASK = "********"
"""The text that replaces a secret."""

_MAX_SHOWN_CHARACTERS = 120

_SECRET_WORDS = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "authorization",
    "apikey",
    "appkey",
    "applicationkey",
    "accesskey",
    "authkey",
    "accountkey",
    "privatekey",
    "signingkey",
    "writekey",
)

# These must be the whole name: `passthrough` and `author` are harmless.
_SECRET_NAMES = ("auth", "pass", "pw")

# A word with one or two wrong letters still names a secret: `pasword`, `wirte_key`.
_MISSPELLING_CUTOFF = 0.82

# Up to the last @, because a password may contain one, and showing too little is safe.
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):(\S+)@")
_URL_PARAMETER = re.compile(r"(?<=[?&;])([^\s=&;]+)=([^\s&;#]+)")

# Shorter secrets are masked only as whole words: masking every "a" makes text unreadable.
_SHORT_SECRET = 4


class SecretMasker:
    """
    Show settings without their secrets.

    Secrets are the values of options with a name such as `write_key`, passwords and
    parameters with such a name in URLs, and the texts passed to `remember`. A masker
    remembers every secret that it has seen, to find it again in the text of an error.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def remember(self, secret: str) -> None:
        """Mask *secret* from now on, and the password within it if it is a URL."""
        for text in (secret, secret.strip()):
            self._secrets |= {text, repr(text)[1:-1], json.dumps(text)[1:-1]}
        self._secrets.discard("")
        self._mask_urls(secret)

    def mask(self, value: Any, *, name: str = "") -> Any:
        """Return a copy, without secrets, of the *value* of the setting or option *name*."""
        return self._mask(value, is_secret=_is_secret(name), depth=0)

    def show(self, value: Any, *, name: str = "") -> str:
        """Return *value* as one line of limited length without secrets."""
        text = self.mask_text(single_line(safe_repr(self.mask(value, name=name))))
        if len(text) > _MAX_SHOWN_CHARACTERS:
            return f"{text[:_MAX_SHOWN_CHARACTERS]}..."
        return text

    def mask_text(self, text: str) -> str:
        """Return *text*, which may quote secrets, without them."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            pattern = re.escape(secret)
            if len(secret) < _SHORT_SECRET:
                pattern = rf"(?<!\w){pattern}(?!\w)"
            text = re.sub(pattern, MASK, text)
        return self._mask_urls(text)

    def _mask(self, value: Any, *, is_secret: bool, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return ...
        if isinstance(value, Mapping):
            if parse_reference(value):
                return value
            # The name of an entry says nothing about secrets: a backend may log password resets.
            is_secret = is_secret and "ENGINE" not in value
            return {
                key: self._mask(item, is_secret=is_secret or _is_secret(key), depth=depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            items = [self._mask(item, is_secret=is_secret, depth=depth + 1) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if is_secret:
            return self._mask_secret(value)
        return self._mask_urls(value) if isinstance(value, str) else value

    def _mask_secret(self, value: Any) -> Any:
        if value is None or isinstance(value, bool) or (isinstance(value, str) and not value):
            return value
        self.remember(value if isinstance(value, str) else safe_repr(value))
        if isinstance(value, bytes):
            self.remember(value.decode("utf-8", "backslashreplace"))
        return MASK

    def _mask_urls(self, text: str) -> str:
        def mask_password(match: re.Match[str]) -> str:
            self._secrets.add(match[2])
            return f"{match[1]}:{MASK}@"

        def mask_parameter(match: re.Match[str]) -> str:
            # A mask may be followed by a quotation mark. It is not a secret to remember.
            if not _is_secret(match[1]) or match[2].startswith(MASK):
                return match[0]
            self._secrets.add(match[2])
            return f"{match[1]}={MASK}"

        return _URL_PARAMETER.sub(mask_parameter, _URL_PASSWORD.sub(mask_password, text))


def single_line(text: str) -> str:
    """Return *text* without line breaks."""
    return " ".join(line.strip() for line in text.splitlines())


def _is_secret(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    letters = re.sub(r"[^a-z]", "", name.lower())
    if letters in _SECRET_NAMES or any(word in letters for word in _SECRET_WORDS):
        return True
    from difflib import get_close_matches

    return bool(get_close_matches(letters, _SECRET_WORDS, n=1, cutoff=_MISSPELLING_CUTOFF))
