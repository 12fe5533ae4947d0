"""Read settings from files, mappings and the environment, and merge them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.names import CONFIG, MAX_DEPTH, PREFIX
from eventtracking.settings.open_edx_keys import settings_from_keys
from eventtracking.settings.secrets import parse_reference

Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a `.toml` or `.json` file, a mapping, or `os.environ`."""


def load(*sources: Source) -> dict[str, Any]:
    """
    Return the settings in *sources* as one dict. Nothing is built or registered.

    Later sources win. Mappings are merged recursively; any other value, a list included,
    replaces the earlier value. An entry with a different `ENGINE` also replaces the earlier
    entry, because its options differ, and so does a reference to a secret.

    The keys in the settings of an Open edX site (`lms.env.json`, `lms.auth.json`) add
    backends, as `eventtracking.openedx.settings.providers` describes. Entries with the same
    name in *sources* win.

    `os.environ` contributes the variables `EVENT_TRACKING_*`. A value that is valid JSON is
    decoded, any other value is text, and an empty variable counts as not set.

    Args:
        sources: Paths to `.toml` or `.json` files, mappings, and `os.environ`.

    Raises:
        ImproperlyConfigured: If files cannot be read or parsed, with a line for each.
    """
    merged: dict[str, Any] = {}
    problems = []
    for source in sources:
        try:
            merged = _merge(merged, _read(source))
        except ValueError as error:
            problems.append(str(error))
        except RecursionError:
            problems.append(f"settings must not be nested more than {MAX_DEPTH} levels deep")
    if problems:
        raise ImproperlyConfigured("\n".join(problems))
    return _merge(settings_from_keys(merged), merged)


def _read(source: Any) -> Mapping[str, Any]:
    if source is os.environ:
        return _read_environment()
    if isinstance(source, Mapping):
        return source
    if isinstance(source, str | os.PathLike):
        return _read_file(os.fspath(source))
    raise ValueError(f"settings must come from a path or a mapping, got {type(source).__name__}")


def _read_environment() -> dict[str, Any]:
    variables = {
        name: text for name, text in os.environ.items() if name.startswith(PREFIX) and text
    }
    return {name: _decode(text) for name, text in variables.items() if name != CONFIG}


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_file(path: str) -> Mapping[str, Any]:
    try:
        # utf-8-sig: some editors write a byte order mark.
        settings = _parse(Path(path).read_text("utf-8-sig"), Path(path).suffix.lower())
    except OSError as error:
        raise ValueError(f"settings file {path!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"settings file {path!r} is not valid: {error}") from error
    if not isinstance(settings, Mapping):
        kind = type(settings).__name__
        raise ValueError(f"settings file {path!r} must contain names and values, not a {kind}")
    return settings


def _parse(text: str, suffix: str) -> Any:
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    if suffix == ".json":
        return json.loads(text)
    raise ValueError("its name must end in .toml or .json")


def _merge(base: Mapping[str, Any], addition: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in addition.items():
        if isinstance(value, Mapping):
            old: Any = base.get(key)
            merged[key] = _merge(old if _extends(value, old) else {}, value)
        else:
            merged[key] = value
    return merged


def _extends(value: Mapping[str, Any], old: Any) -> bool:
    """Return whether *value* is merged into *old* rather than replacing it."""
    if not isinstance(old, Mapping) or parse_reference(old) or parse_reference(value):
        return False
    engine = old.get("ENGINE")
    return engine is None or value.get("ENGINE", engine) == engine
