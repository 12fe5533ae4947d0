"""Import the engines of entries, and check options against the signatures of engines."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from typing import Any

from eventtracking._imports import did_you_mean, import_string
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.problems import Problems, SettingPath

_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def import_engine(value: Any, path: SettingPath, problems: Problems) -> Callable[..., Any] | None:
    """Return the class or function with the dotted path *value*, or add to *problems*."""
    if not isinstance(value, str):
        text = f"it must be the dotted path of a class, as text.{_suggested_path(value)}"
        problems.add("engine", path, value, text)
        return None
    try:
        engine = import_string(value)
    except ImproperlyConfigured as error:
        problems.add("engine", path, value, str(error), error.__cause__)
        return None
    if callable(engine):
        return engine  # type: ignore[no-any-return]
    text = f"it is not a class but an object of type {type(engine).__name__!r}"
    problems.add("engine", path, value, text)
    return None


def known_options(
    engine: Callable[..., Any],
    options: Mapping[Any, Any],
    path: SettingPath,
    problems: Problems,
) -> Iterable[Any] | None:
    """
    Return the names of the *options* that *engine* has; `None` if it needs others too.

    Each unknown option, and each missing one, is added to *problems*.
    """
    try:
        parameters = inspect.signature(engine)
    except (TypeError, ValueError):
        # Some classes written in C have no signature.
        return options
    known, missing = _parameter_names(parameters, options)
    unknown = [name for name in options if known is not None and name not in known]
    name_of_engine = engine_name(engine)
    usage = f" It takes {name_of_engine}{_without_annotations(parameters)}"
    for name in unknown:
        text = f"{name_of_engine} has no option {name!r}.{did_you_mean(str(name), known or [])}"
        problems.add("options", (*path, name), options[name], text + usage)
    for name in missing:
        text = f"{name_of_engine} needs the option {name!r}.{usage}"
        problems.add("options", path, options, text)
    return None if missing else [name for name in options if name not in unknown]


def engine_name(engine: Callable[..., Any]) -> str:
    """Return the name of *engine* for messages."""
    return getattr(engine, "__qualname__", None) or repr(engine)


def _suggested_path(value: Any) -> str:
    if not hasattr(value, "__qualname__"):
        return ""
    return f" Write '{value.__module__}.{value.__qualname__}'"


def _parameter_names(
    signature: Signature, options: Mapping[Any, Any]
) -> tuple[list[str] | None, list[str]]:
    """Return the known options (`None` if any name is allowed), and those missing in *options*."""
    named = [p for p in signature.parameters.values() if p.kind not in _VARIADIC]
    known = [p.name for p in named if p.kind is not Parameter.POSITIONAL_ONLY]
    given = options.keys() & set(known)
    missing = [p.name for p in named if p.default is Parameter.empty and p.name not in given]
    allows_any = any(p.kind is Parameter.VAR_KEYWORD for p in signature.parameters.values())
    return None if allows_any else known, missing


def _without_annotations(signature: Signature) -> Signature:
    """Return *signature* without annotations, which are of little use to an operator."""
    parameters = [p.replace(annotation=Parameter.empty) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=Signature.empty)
