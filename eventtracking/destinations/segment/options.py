"""Check the options of `SegmentBackend`, some of which exclude each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventtracking._options import BOOLEAN, MAPPING, Options, Rule
from eventtracking.delivery import DeliveryOptions
from eventtracking.destinations.key_forms import is_key
from eventtracking.destinations.segment.installed_client import is_client

HOST = "https://api.segment.io"
"""Segment's API for workspaces outside Europe."""

_INTEGRATIONS = Rule("a mapping such as {'All': True, 'Mixpanel': False}", MAPPING.accepts)
_CLIENT = Rule("an object with track() and identify(), as segment.analytics has", is_client)


def check_write_key(options: Options, write_key: Any) -> bool:
    """Return whether *write_key* is valid, or note in *options* why not, without showing it."""
    cause = _problem_of_key(write_key)
    if cause:
        expected = "the key of a source in Segment"
        options.refuse("write_key", expected, write_key, cause=cause, secret=True)
    return not cause


def check_api_options(options: Options, client: Any, compress: Any, integrations: Any) -> None:
    """Note in *options* what is wrong with the options after `host` of a backend with a key."""
    if client is not None:
        cause = "a client has a key of its own"
        options.refuse("client", "left out if there is a write_key", client, cause=cause)
    options.check("compress", compress, BOOLEAN)
    options.check("integrations", integrations, _INTEGRATIONS)


def check_client_options(options: Options, given: Mapping[str, Any]) -> None:
    """
    Note in *options* what is wrong with the options of a backend without a key.

    Args:
        options: The problems of the backend.
        given: All of its options but the key, in the order of its signature.
    """
    defaults = {"host": HOST, "compress": False, "integrations": {}}
    known = ["client", *defaults, *DeliveryOptions.__annotations__]
    for name, value in given.items():
        if name == "client":
            if value is not None:
                options.check("client", value, _CLIENT)
        elif name in known and (name not in defaults or value != defaults[name]):
            cause = "the client decides how events are sent"
            # The query of a URL may hold a secret.
            is_secret = name == "host"
            expected = "left out if there is no write_key"
            options.refuse(name, expected, value, cause=cause, secret=is_secret)
    options.check_known(given, known)


def _problem_of_key(key: Any) -> str:
    if not isinstance(key, str):
        return "it is not text"
    if not key.strip():
        return "it is empty"
    if not key.strip("*"):
        return "it is a placeholder"
    return "" if is_key(key) else "it has spaces or other characters that no key has"
