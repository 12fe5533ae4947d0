"""Check the options of a class, and report every wrong one in a single error."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, cast

from eventtracking._imports import did_you_mean
from eventtracking.exceptions import ImproperlyConfigured

Parsed = TypeVar("Parsed")
Built = TypeVar("Built")


class Rule(NamedTuple):
    """The values that an option may have, as words that follow "must be" and as a test."""

    expected: str
    accepts: Callable[[Any], object]


class Options:
    """
    The wrong options of one object, collected while its constructor checks them.

        options = Options("SizeGuard")
        options.check("max_bytes", max_bytes, whole_number(1, unit="bytes"))
        options.check("on_oversize", on_oversize, one_of("truncate", "drop"))
        options.raise_problems()

    Checks are made in the order of the signature, which is the order of the report.

    Args:
        owner: The class whose options these are, or another prefix of every line.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._names: list[str] = []
        self._problems: list[tuple[str, str]] = []
        self._cause: BaseException | None = None

    def check(self, name: str, value: Any, rule: Rule, *, secret: bool = False) -> bool:
        """
        Return whether *value* fits *rule*, and note a problem if it does not.

        Args:
            name: The option.
            value: Its value.
            rule: The values that it may have.
            secret: Keep the value out of the message.
        """
        self._names.append(name)
        if rule.accepts(value):
            return True
        self.refuse(name, rule.expected, value, secret=secret)
        return False

    def check_list(self, name: str, values: Any, rule: Rule) -> list[Any]:
        """Return *values* as a list if each of them fits *rule*; else note it and return []."""
        listed = self._listed(name, values)
        checked = [
            self.check(f"{name}[{index}]", value, rule) for index, value in enumerate(listed)
        ]
        return listed if all(checked) else []

    def parse_list(
        self, name: str, values: Any, parser: Callable[[Any], Parsed], expected: str
    ) -> list[Parsed]:
        """Return *values* as a list, each of them parsed as by `parse`, without wrong ones."""
        parsed = [
            self.parse(f"{name}[{index}]", value, parser, expected)
            for index, value in enumerate(self._listed(name, values))
        ]
        return [value for value in parsed if value is not None]

    def check_known(self, given: Iterable[str], known: Iterable[str]) -> None:
        """Note a problem for each of the names *given* that is not a *known* option."""
        names = [*known]
        similar = [*names, *self._names]
        for name in given:
            if name not in names:
                line = f"{self.owner} has no option {name!r}.{did_you_mean(str(name), similar)}"
                self._problems.append((str(name), line))

    def parse(
        self, name: str, value: Any, parser: Callable[[Any], Parsed], expected: str
    ) -> Parsed | None:
        """
        Return `parser(value)`, or note a problem and return `None`.

        Args:
            name: The option.
            value: Its value.
            parser: A function that raises `ValueError` or `TypeError`; its text is the cause.
            expected: The words that follow "must be".
        """
        try:
            return parser(value)
        except (TypeError, ValueError) as error:
            self._cause = self._cause or error
            self.refuse(name, expected, value, cause=str(error))
            return None

    def build(self, make: Callable[[], Built]) -> Built:
        """
        Return `make()`, or note the problems of the `ImproperlyConfigured` that it raises.

        After such an error the result is `None`: call `raise_problems` before using it.
        """
        try:
            return make()
        except ImproperlyConfigured as error:
            self._cause = self._cause or error.__cause__
            self._problems += error.options or [("", str(error))]
            return cast(Built, None)

    def refuse(
        self,
        name: str,
        expected: str,
        value: Any,
        *,
        cause: str = "",
        hint: str = "",
        secret: bool = False,
    ) -> None:
        """
        Note that the option *name* must be *expected*.

        Args:
            name: The option.
            expected: The words that follow "must be".
            value: Its value.
            cause: A reason or a cure, to follow the value.
            hint: A sentence to follow the line, such as that of `did_you_mean`.
            secret: Keep the value out of the message.
        """
        shown = f"a value of type {type(value).__name__}" if secret else safe_repr(value)
        reason = f": {cause}" if cause else ""
        end = f".{hint}" if hint else ""
        self.problem(name, f"{name} must be {expected}, got {shown}{reason}{end}")

    def problem(self, name: str, text: str) -> None:
        """Note that the option *name* is wrong as *text* says."""
        prefix = f"{self.owner}: " if self.owner else ""
        self._problems.append((name, f"{prefix}{text}"))

    def raise_problems(self, error: type[ImproperlyConfigured] = ImproperlyConfigured) -> None:
        """
        Raise *error* if any option is wrong.

        Raises:
            ImproperlyConfigured: With a line for each wrong option.
        """
        if self._problems:
            lines = "\n".join(line for _, line in self._problems)
            raise error(lines, options=self._problems) from self._cause

    def _listed(self, name: str, values: Any) -> list[Any]:
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            self.refuse(name, "a list", values)
            return []
        return [*values]


def whole_number(least: int = 0, most: int | None = None, *, unit: str = "") -> Rule:
    """Return the rule of an integer from *least* to *most*, in *unit* such as `"bytes"`."""
    of_unit = f" of {unit}" if unit else ""
    bounds = f", {least} or more" if most is None else f" from {least} to {most}"

    def accepts(value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and value >= least and (most is None or value <= most)

    return Rule(f"a whole number{of_unit}{bounds}", accepts)


def number(least: float, most: float | None = None, *, unit: str = "") -> Rule:
    """Return the rule of a finite number from *least* to *most*, in *unit* such as `"seconds"`."""
    of_unit = f" of {unit}" if unit else ""
    bounds = f", {least:g} or more" if most is None else f" from {least:g} to {most:g}"

    def accepts(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # NaN fails every comparison.
        return is_number and least <= value < float("inf") and (most is None or value <= most)

    return Rule(f"a number{of_unit}{bounds}", accepts)


def one_of(*choices: str) -> Rule:
    """Return the rule of one of *choices*."""
    listed = ", ".join(map(repr, choices))
    return Rule(f"one of {listed}", lambda value: isinstance(value, str) and value in choices)


def regular_expression(value: Any) -> re.Pattern[str]:
    """
    Return *value*, text or a compiled expression, compiled. For `Options.parse`.

    Raises:
        ValueError: If it is not a regular expression for text.
        TypeError: If it is of another type.
    """
    try:
        compiled = re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(compiled.pattern, str):
        raise ValueError("it must be an expression for text, not bytes")
    return compiled


def optional(rule: Rule) -> Rule:
    """Return *rule*, which accepts `None` as well."""
    return Rule(f"{rule.expected}, or None", lambda value: value is None or rule.accepts(value))


BOOLEAN = Rule("true or false", lambda value: isinstance(value, bool))
TEXT = Rule("text", lambda value: isinstance(value, str))
NON_EMPTY_TEXT = Rule("text that is not empty", lambda value: isinstance(value, str) and value)
PATH = Rule("a path", lambda value: isinstance(value, str | os.PathLike) and value != "")
MAPPING = Rule("a mapping", lambda value: isinstance(value, Mapping))


def safe_repr(value: Any) -> str:
    """Return `repr(value)`, or the type of *value* if that raises."""
    try:
        return repr(value)
    except Exception:
        return f"a value of type {type(value).__name__}"
