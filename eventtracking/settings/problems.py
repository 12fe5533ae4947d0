"""The problems of settings: a line for each, with its path, the value, the cause and the fix."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from eventtracking._options import safe_repr
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.masking import SecretMasker, single_line

SettingPath: TypeAlias = tuple[Any, ...]
"""The keys that lead to a value in the settings, beginning with the name of the setting."""

HIDDEN: Any = object()
"""Stands for a value that must not be shown, because it may contain anything."""


class Problem(NamedTuple):
    """An error in the settings: its kind, a line about it, and the exception that caused it."""

    kind: str
    line: str
    cause: BaseException | None = None


class Problems:
    """
    Every problem of the settings, in the order in which they were found.

    An error makes the settings unusable; a warning does not. No line shows a secret.
    """

    def __init__(self) -> None:
        self.masker = SecretMasker()
        self._errors: list[Problem] = []
        self._warnings: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(
        self,
        kind: str,
        path: SettingPath,
        value: Any,
        text: str,
        cause: BaseException | None = None,
    ) -> None:
        """Add an error: *value* at *path* cannot be used for the reason in *text*."""
        name = next((key for key in reversed(path) if isinstance(key, str)), "")
        shown = "..." if value is HIDDEN else self.masker.show(value, name=name)
        self._errors.append(Problem(kind, f"{format_path(path)} = {shown}: {text}", cause))

    def warn(self, path: SettingPath, text: str) -> None:
        """Add a warning about *path*."""
        self._warnings.append(f"{format_path(path)} {text}")

    def errors(self) -> list[Problem]:
        """Return the errors, with every secret masked that is known by now."""
        return [
            Problem(error.kind, self._masked_line(error.line), self._safe_cause(error.cause))
            for error in self._errors
        ]

    def warnings(self) -> list[str]:
        """Return the warnings, with every secret masked that is known by now."""
        return [self._masked_line(text) for text in self._warnings]

    def exception(self) -> ImproperlyConfigured:
        """Return one exception with a line for each error."""
        errors = self.errors()
        exception = ImproperlyConfigured("\n".join(error.line for error in errors))
        exception.__cause__ = next((error.cause for error in errors if error.cause), None)
        return exception

    def _masked_line(self, text: str) -> str:
        return single_line(self.masker.mask_text(text))

    def _safe_cause(self, error: BaseException | None) -> BaseException | None:
        """Return *error* unless its traceback shows a secret."""
        if error is None:
            return None
        from traceback import format_exception

        text = "".join(format_exception(error))
        return error if self.masker.mask_text(text) == text else None


def format_path(path: SettingPath) -> str:
    """Return *path* as it would be written in Python."""
    return str(path[0]) + "".join(f"[{safe_repr(key)}]" for key in path[1:])
