"""Fetch secrets from environment variables and files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from eventtracking._options import safe_repr
from eventtracking.exceptions import ImproperlyConfigured


class Reference(NamedTuple):
    """A reference to a value that is kept elsewhere: `{"ENV": "NAME"}` or `{"FILE": "path"}`."""

    kind: str
    target: Any

    def __str__(self) -> str:
        source = "environment variable" if self.kind == "ENV" else "file"
        target = str(self.target) if isinstance(self.target, Path) else self.target
        return f"{source} {safe_repr(target)}"

    def fetch(self) -> str:
        """
        Return the secret. One newline at the end of a file, which editors add, is removed.

        A relative path is read from the working directory of the process.

        Raises:
            ImproperlyConfigured: If the variable or the file is missing or cannot be read.
        """
        self._check_target()
        try:
            return os.environ[self.target] if self.kind == "ENV" else _read_text(self.target)
        except (KeyError, OSError, ValueError) as error:
            raise ImproperlyConfigured(f"{self} {self._cause(error)}") from None

    def _check_target(self) -> None:
        if self.kind == "ENV":
            is_valid, expected = isinstance(self.target, str), "the name of an environment variable"
        else:
            is_valid, expected = isinstance(self.target, str | os.PathLike), "the path of a file"
        if not is_valid:
            raise ImproperlyConfigured(f"{self.kind} must be {expected}")

    def _cause(self, error: Exception) -> str:
        if self.kind == "ENV":
            return "is not set. Set it for this process, or correct the name"
        if isinstance(error, UnicodeDecodeError):
            # The text of the error itself quotes part of the secret.
            return "is not UTF-8 text"
        cause = getattr(error, "strerror", None) or error
        return f"cannot be read: {cause}. Create it, or correct the path"


def parse_reference(value: Any) -> Reference | None:
    """Return *value* as a reference, or `None` if it is an ordinary value."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(kind, target)] = value.items()
        if kind in ("ENV", "FILE"):
            return Reference(kind, target)
    return None


def _read_text(path: str | os.PathLike[str]) -> str:
    text = Path(path).read_bytes().decode("utf-8")
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
