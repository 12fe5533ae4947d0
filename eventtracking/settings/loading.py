"""Read settings from files, mappings and the environment, and merge them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.names import CONFIG, PREFIX
from eventtracking.settings.open_edx_keys import turned_on
from eventtracking.settings.secrets import MAX_DEPTH, reference

Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a `.toml` or `.json` file, a mapping, or `os.environ`."""


def load(*sources: Source) -> dict[str, Any]:
    """
    Return the settings in *sources* as one dict. Nothing is built and nothing registered.

    Later sources win. Mappings are merged deeply; anything else, lists included,
    replaces what stood there. So does an entry with another `ENGINE`, whose options
    would make no sense to it, and a reference to a secret.

    The keys of an Open edX site (`lms.env.json`, `lms.auth.json`) turn on what they are
    for, as `eventtracking.openedx.settings.providers` describes. Entries of the same
    name in *sources* win.

    `os.environ` contributes its variables `EVENT_TRACKING_*`. Their values are read as
    JSON where they are JSON, and as text otherwise; an empty one counts as not set.

    Args:
        sources: Paths to `.toml` or `.json` files, mappings, and `os.environ`.

    Raises:
        ImproperlyConfigured: If files cannot be read or parsed, with a line for each.
    """
    merged: dict[str, Any] = {}
    problems = []
    for source in sources:
        try:
            merged = _merged(merged, _read(source))
        except ImproperlyConfigured as error:
            problems.append(str(error))
        except RecursionError:
            problems.append(f"settings must not be nested more than {MAX_DEPTH} levels deep")
    if problems:
        raise ImproperlyConfigured("\n".join(problems))
    return _merged(turned_on(merged), merged)


def _read(source: Any) -> Mapping[str, Any]:
    if source is os.environ:
        return _environment()
    if isinstance(source, Mapping):
        return source
    if isinstance(source, str | os.PathLike):
        return _file(os.fspath(source))
    raise ImproperlyConfigured(
        f"settings must come from a path or a mapping, got {type(source).__name__}"
    )


def _environment() -> dict[str, Any]:
    variables = {
        name: text for name, text in os.environ.items() if name.startswith(PREFIX) and text
    }
    return {name: _decoded(text) for name, text in variables.items() if name != CONFIG}


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _file(path: str) -> Mapping[str, Any]:
    try:
        # utf-8-sig: some editors put a mark at the beginning.
        settings = _parsed(Path(path).read_text("utf-8-sig"), Path(path).suffix.lower())
    except OSError as error:
        raise ImproperlyConfigured(
            f"settings file {path!r} cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise ImproperlyConfigured(f"settings file {path!r} is not valid: {error}") from error
    if not isinstance(settings, Mapping):
        raise ImproperlyConfigured(
            f"settings file {path!r} must hold names and values, not a {type(settings).__name__}"
        )
    return settings


def _parsed(text: str, suffix: str) -> Any:
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    if suffix == ".json":
        return json.loads(text)
    raise ValueError("its name must end in .toml or .json")


def _merged(base: Mapping[str, Any], addition: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in addition.items():
        if isinstance(value, Mapping):
            old: Any = base.get(key)
            merged[key] = _merged(old if _extends(value, old) else {}, value)
        else:
            merged[key] = value
    return merged


def _extends(value: Mapping[str, Any], old: Any) -> bool:
    """Tell whether *value* adds to *old*, rather than taking its place."""
    if not isinstance(old, Mapping) or reference(old) or reference(value):
        return False
    engine = old.get("ENGINE")
    return engine is None or value.get("ENGINE", engine) == engine
