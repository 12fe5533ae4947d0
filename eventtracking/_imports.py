"""Import what a setting or an extra names, or say plainly why that failed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

from eventtracking.exceptions import ImproperlyConfigured

_CURE = " Install what brings it, or correct the path"


def import_string(path: str) -> Any:
    """
    Return the object that the dotted *path* names.

    Raises:
        ImproperlyConfigured: If *path* is not `package.module.name`, or the module
            or the name does not exist. An `ImportError` from *inside* an existing
            module is not swallowed: it is the cause, and its text is in the error.
    """
    module_path, _, name = path.rpartition(".")
    if not all(path.split(".")) or not module_path:
        raise ImproperlyConfigured(f"{path!r} is not a dotted path such as 'package.module.Class'")
    module = _import_module(module_path)
    try:
        found = getattr(module, name)
    except AttributeError as error:
        hint = did_you_mean(name, _public(dir(module)))
        raise ImproperlyConfigured(f"module {module_path!r} has no {name!r}.{hint}") from error
    except Exception as error:
        # A module may import its names when they are asked for.
        raise ImproperlyConfigured(f"importing {path!r} failed: {_described(error)}") from error
    if isinstance(found, ModuleType):
        raise ImproperlyConfigured(f"{path!r} is a module. Add the name of what it holds")
    return found


def require(module: str, *, extra: str) -> ModuleType:
    """
    Import *module*, which the optional dependencies *extra* bring.

    Raises:
        ImproperlyConfigured: If it is not installed, with the line that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(
            f"{error.name!r} is not installed. Run: pip install 'eventtracking[{extra}]'"
        ) from error


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """
    Return a sentence that suggests the one of *known* that is nearest to *name*.

    It is empty if none is as near as *cutoff*, from 0.0 (anything) to 1.0 (the same).
    """
    # Imported here: most programs never misspell anything.
    from difflib import get_close_matches

    nearest = get_close_matches(name, [*known], n=1, cutoff=cutoff)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def _import_module(path: str) -> ModuleType:
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            # The module exists; something that it imports does not.
            raise ImproperlyConfigured(f"importing {path!r} failed: {error}") from error
        hint = did_you_mean(error.name, _siblings(error.name)) or _CURE
        raise ImproperlyConfigured(f"there is no module {error.name!r}.{hint}") from error
    except Exception as error:
        raise ImproperlyConfigured(f"importing {path!r} failed: {_described(error)}") from error


def _siblings(path: str) -> list[str]:
    """Return the modules that lie where the one called *path* should."""
    from pkgutil import iter_modules

    parent, _, _ = path.rpartition(".")
    if not parent:
        # What is imported need not lie on the path: editable installs do not.
        return _public({*sys.modules, *(module.name for module in iter_modules())})
    places = getattr(sys.modules.get(parent), "__path__", ())
    return [f"{parent}.{name}" for name in _public(module.name for module in iter_modules(places))]


def _public(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
