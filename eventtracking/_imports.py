"""Import objects that settings name and packages that extras install, with clear errors."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

from eventtracking.exceptions import ImproperlyConfigured

_CURE = " Install the package that contains it, or correct the path"


def import_string(path: str) -> Any:
    """
    Return the object that the dotted *path* names.

    Raises:
        ImproperlyConfigured: If *path* does not have the form `package.module.name`, or if
            the module or the name does not exist. An error *inside* an existing module is
            the cause of the exception, which quotes its text.
    """
    module_path, _, name = path.rpartition(".")
    if not all(path.split(".")) or not module_path:
        raise ImproperlyConfigured(f"{path!r} is not a dotted path such as 'package.module.Class'")
    module = _import_module(module_path)
    try:
        found = getattr(module, name)
    except Exception as error:
        text = _missing_name(module, path, error) or _failure(path, error)
        raise ImproperlyConfigured(text) from error
    if isinstance(found, ModuleType):
        raise ImproperlyConfigured(f"{path!r} is a module. Add the name of an object in it")
    return found


def require(module: str, *, extra: str) -> ModuleType:
    """
    Import *module*, which the extra *extra* installs.

    Raises:
        ImproperlyConfigured: If it is not installed, with the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(
            f"{error.name!r} is not installed. Run: pip install 'eventtracking[{extra}]'"
        ) from error


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """
    Return a sentence that suggests the name in *known* that is most similar to *name*.

    It is empty if the similarity is below *cutoff*, from 0.0 (any name) to 1.0 (the same).
    """
    # Imported here, because most programs contain no misspelled name.
    from difflib import get_close_matches

    nearest = get_close_matches(name, [*known], n=1, cutoff=cutoff)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def _import_module(path: str) -> ModuleType:
    try:
        return import_module(path)
    except Exception as error:
        text = _missing_module(path, error) or _failure(path, error)
        raise ImproperlyConfigured(text) from error


def _missing_module(path: str, error: Exception) -> str:
    """Return a message if the module *path* does not exist, or "" for any other *error*."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name is None or not f"{path}.".startswith(f"{name}."):
        # The module exists. Perhaps a module that it imports does not.
        return ""
    return f"there is no module {name!r}.{did_you_mean(name, _siblings(name)) or _CURE}"


def _missing_name(module: ModuleType, path: str, error: Exception) -> str:
    """Return a message if *module* has no name *path*, or "" if its lazy import failed."""
    if not isinstance(error, AttributeError):
        return ""
    module_path, _, name = path.rpartition(".")
    hint = did_you_mean(name, _public(dir(module)))
    return f"module {module_path!r} has no {name!r}.{hint}"


def _failure(path: str, error: Exception) -> str:
    return f"importing {path!r} failed: {type(error).__name__}: {error}"


def _siblings(path: str) -> list[str]:
    """Return the modules in the package in which the module *path* should be."""
    from pkgutil import iter_modules

    parent, _, _ = path.rpartition(".")
    if not parent:
        # Editable installs import modules that are not on the path.
        return _public({*sys.modules, *(module.name for module in iter_modules())})
    places = getattr(sys.modules.get(parent), "__path__", ())
    return [f"{parent}.{name}" for name in _public(module.name for module in iter_modules(places))]


def _public(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]
