"""What is wrong with settings, put so that the person who reads it can mend it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.secrets import Mask, one_line, representation

Keys: TypeAlias = tuple[Any, ...]
"""The keys that lead to a setting, its top-level name first."""

UNSHOWN: Any = object()
"""Stands for a value that is not to be shown, because it may hold anything."""


class Problem(NamedTuple):
    """One thing that is wrong: its kind, a line about it, and the exception behind it."""

    kind: str
    line: str
    cause: BaseException | None = None


class Problems:
    """
    Every problem of one set of settings, in the order in which they were met.

    Warnings are problems that leave the settings usable. No line shows a secret.
    """

    def __init__(self) -> None:
        self.mask = Mask()
        self._found: list[Problem] = []
        self._warnings: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def report(
        self, kind: str, path: Keys, value: Any, text: str, cause: BaseException | None = None
    ) -> None:
        """Note that *value* at *path* cannot be used: *text* is the reason and the cure."""
        name = next((key for key in reversed(path) if isinstance(key, str)), "")
        shown = "..." if value is UNSHOWN else self.mask.shown(value, name=name)
        self._found.append(Problem(kind, f"{written(path)} = {shown}: {text}", cause))

    def warn(self, path: Keys, text: str) -> None:
        """Note something about *path* that does no harm but was surely not meant."""
        self._warnings.append(f"{written(path)} {text}")

    def found(self) -> list[Problem]:
        """Return what makes the settings unusable."""
        # Not before the end: a secret may be learnt after the text that quotes it.
        return [self._presentable(problem) for problem in self._found]

    def warnings(self) -> list[str]:
        """Return a line for each thing that does no harm."""
        return [self._line(text) for text in self._warnings]

    def error(self) -> ImproperlyConfigured:
        """Return one exception with a line for each problem."""
        found = self.found()
        error = ImproperlyConfigured("\n".join(problem.line for problem in found))
        error.__cause__ = next((problem.cause for problem in found if problem.cause), None)
        return error

    def _presentable(self, problem: Problem) -> Problem:
        return Problem(problem.kind, self._line(problem.line), self._harmless(problem.cause))

    def _line(self, text: str) -> str:
        return one_line(self.mask.scrubbed(text))

    def _harmless(self, error: BaseException | None) -> BaseException | None:
        """Return *error* if its traceback shows no secret."""
        if error is None:
            return None
        from traceback import format_exception

        text = "".join(format_exception(error))
        return error if self.mask.scrubbed(text) == text else None


def written(path: Keys) -> str:
    """Return *path* as it would be written in Python."""
    return str(path[0]) + "".join(f"[{representation(key)}]" for key in path[1:])
