"""Secrets in settings: fetch them from where they are kept, and keep them out of what is shown."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from eventtracking.exceptions import ImproperlyConfigured

MASK = "********"
"""What is shown in the place of a secret."""

MAX_DEPTH = 100
"""Settings nested deeper than this are a mistake, most likely a loop."""

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

# These count only as the whole name: `passthrough` and `author` are harmless.
_SECRET_NAMES = ("auth", "pass", "pw")

# A word misspelt by a letter or two still names a secret: `pasword`, `wirte_key`.
_ALMOST_THE_SAME = 0.82

# Up to the last @: a password may hold one, and showing too little is the safe mistake.
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):(\S+)@")
_URL_PARAMETER = re.compile(r"(?<=[?&;])([^\s=&;]+)=([^\s&;#]+)")

# A shorter secret is only hidden where it stands alone: hiding every "a" makes the text unreadable.
_SHORT = 4


class Reference(NamedTuple):
    """A setting that says where its value is kept: `{"ENV": "NAME"}` or `{"FILE": "path"}`."""

    kind: str
    target: Any

    def __str__(self) -> str:
        place = "environment variable" if self.kind == "ENV" else "file"
        target = self.target
        return f"{place} {representation(str(target) if isinstance(target, Path) else target)}"

    def fetch(self) -> str:
        """
        Return the secret. A file loses one newline at its end, the one that editors add.

        A relative path is read from the working directory of the process.

        Raises:
            ImproperlyConfigured: If the variable or the file is missing or cannot be read.
        """
        return self._from_environment() if self.kind == "ENV" else self._from_file()

    def _from_environment(self) -> str:
        if not isinstance(self.target, str):
            raise ImproperlyConfigured("ENV must be the name of an environment variable")
        try:
            return os.environ[self.target]
        except (KeyError, ValueError):
            raise ImproperlyConfigured(
                f"{self} is not set. Set it for this process, or correct the name"
            ) from None

    def _from_file(self) -> str:
        if not isinstance(self.target, str | os.PathLike):
            raise ImproperlyConfigured("FILE must be the path of a file")
        try:
            text = Path(self.target).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            # Its own text quotes a piece of the secret.
            raise ImproperlyConfigured(f"{self} is not UTF-8 text") from None
        except (OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or error
            raise ImproperlyConfigured(
                f"{self} cannot be read: {cause}. Create it, or correct the path"
            ) from None
        return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def reference(value: Any) -> Reference | None:
    """Return what *value* refers to, or `None` if it is an ordinary value."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(kind, target)] = value.items()
        if kind in ("ENV", "FILE"):
            return Reference(kind, target)
    return None


def representation(value: Any) -> str:
    """Return `repr(value)`, or at least its type: an error must not fail over its subject."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def one_line(text: str) -> str:
    """Return *text* without line breaks."""
    return " ".join(line.strip() for line in text.splitlines())


class Mask:
    """
    Show settings without their secrets.

    What counts as a secret: a value under a telling name such as `write_key`, the
    password or a telling parameter in a URL, and all that `learn` was told. A mask
    remembers every secret it has met, to find them again in the text of an error.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, secret: str) -> None:
        """Remember *secret*, and the password within it if it is a URL."""
        for text in (secret, secret.strip()):
            self._secrets |= {text, repr(text)[1:-1], json.dumps(text)[1:-1]}
        self._secrets.discard("")
        self._hide_in_urls(secret)

    def masked(self, value: Any, *, name: str = "") -> Any:
        """Return a copy of the setting *value*, which stands under *name*, without its secrets."""
        return self._masked(value, secret=_is_secret(name), depth=0)

    def shown(self, value: Any, *, name: str = "") -> str:
        """Return the setting *value* as one line of limited length without its secrets."""
        text = self.scrubbed(one_line(representation(self.masked(value, name=name))))
        if len(text) > _MAX_SHOWN_CHARACTERS:
            return f"{text[:_MAX_SHOWN_CHARACTERS]}..."
        return text

    def scrubbed(self, text: str) -> str:
        """Return *text*, in which others may have quoted a secret, without the secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            pattern = re.escape(secret)
            if len(secret) < _SHORT:
                pattern = rf"(?<!\w){pattern}(?!\w)"
            text = re.sub(pattern, MASK, text)
        return self._hide_in_urls(text)

    def _masked(self, value: Any, *, secret: bool, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return ...
        if isinstance(value, Mapping):
            if reference(value):
                return value
            # An entry is no secret, whatever it is called: think of a log of password resets.
            secret = secret and "ENGINE" not in value
            return {
                key: self._masked(item, secret=secret or _is_secret(key), depth=depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            items = [self._masked(item, secret=secret, depth=depth + 1) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if secret:
            return self._masked_secret(value)
        return self._hide_in_urls(value) if isinstance(value, str) else value

    def _masked_secret(self, value: Any) -> Any:
        if value is None or isinstance(value, bool) or (isinstance(value, str) and not value):
            return value
        self.learn(value if isinstance(value, str) else representation(value))
        if isinstance(value, bytes):
            self.learn(value.decode("utf-8", "backslashreplace"))
        return MASK

    def _hide_in_urls(self, text: str) -> str:
        def hide(match: re.Match[str]) -> str:
            self._secrets.add(match[2])
            return f"{match[1]}:{MASK}@"

        def hide_parameter(match: re.Match[str]) -> str:
            # What is hidden already may have a quote behind it, and is no secret to learn.
            if not _is_secret(match[1]) or match[2].startswith(MASK):
                return match[0]
            self._secrets.add(match[2])
            return f"{match[1]}={MASK}"

        return _URL_PARAMETER.sub(hide_parameter, _URL_PASSWORD.sub(hide, text))


def _is_secret(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    letters = re.sub(r"[^a-z]", "", name.lower())
    if letters in _SECRET_NAMES or any(word in letters for word in _SECRET_WORDS):
        return True
    from difflib import get_close_matches

    return bool(get_close_matches(letters, _SECRET_WORDS, n=1, cutoff=_ALMOST_THE_SAME))
