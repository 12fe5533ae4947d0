"""Which options of a `SegmentBackend` go together, and what each may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eventtracking.destinations.key_forms import is_key
from eventtracking.destinations.segment.installed import speaks
from eventtracking.exceptions import ImproperlyConfigured

HOST = "https://api.segment.io"
"""Where events go unless somebody says otherwise."""


def check_key_options(write_key: Any, client: Any, options: Mapping[str, Any]) -> None:
    """
    Check the *options* of a backend with a key of its own, but for `host`.

    Raises:
        ImproperlyConfigured: If one is wrong. The key is not in the text.
    """
    if client is not None:
        raise ImproperlyConfigured(
            "SegmentBackend: give either write_key or client, got both: a client has its own key"
        )
    if trouble := _trouble_of_key(write_key):
        raise ImproperlyConfigured(
            f"SegmentBackend: write_key must be the key of a source in Segment, got {trouble}"
        )
    rules = {
        "compress": (bool, "True or False"),
        "integrations": (Mapping, "a mapping such as {'All': True, 'Mixpanel': False}"),
    }
    for name, (kind, expectation) in rules.items():
        if not isinstance(options[name], kind):
            raise ImproperlyConfigured(
                f"SegmentBackend: {name} must be {expectation}, got {options[name]!r}"
            )


def check_client_options(client: Any, options: Mapping[str, Any], delivery: Iterable[str]) -> None:
    """
    Check the options of a backend that calls a *client*.

    Raises:
        ImproperlyConfigured: If the client is none, or an option is there that only a key
            gives a meaning.
    """
    if client is not None and not speaks(client):
        raise ImproperlyConfigured(
            "SegmentBackend: client must have track() and identify(), as segment.analytics has, "
            f"got {client!r}"
        )
    defaults = {"host": HOST, "compress": False, "integrations": {}}
    idle = [name for name, default in defaults.items() if options[name] != default]
    if idle := [*idle, *delivery]:
        raise ImproperlyConfigured(
            f"SegmentBackend: {', '.join(idle)} must be given together with write_key: "
            "without a key the client decides how events are sent"
        )


def _trouble_of_key(key: Any) -> str:
    """Say what is wrong with *key*, without saying it."""
    if not isinstance(key, str):
        return f"a value of type {type(key).__name__}"
    if not key.strip():
        return "an empty text"
    if not key.strip("*"):
        return "a placeholder"
    return "" if is_key(key) else "a text with spaces or other characters that no key has"
