"""Mask secrets in text from outside: servers repeat keys, and errors quote servers."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus

_MASK = b"********"

# The values of these headers are not secret, and appear in many responses.
_PLAIN_HEADERS = {"accept", "accept-encoding", "content-encoding", "content-type", "user-agent"}

# Shorter values may appear in a response by chance.
_MIN_LENGTH = 4
_MIN_LENGTH_IN_PATH = 16


class KeyMask:
    """
    Replaces the secrets of a request by a mask.

    Args:
        headers: The headers of each request, with names in lower case.
        path: The path of the URL. Many webhooks have a key in it.
        query: The secret part of the query.
    """

    def __init__(self, headers: Mapping[str, str], path: str, query: str) -> None:
        values = [query, *(value for _, value in parse_qsl(query))]
        values += [part for part in path.split("/") if len(part) >= _MIN_LENGTH_IN_PATH]
        for name, value in headers.items():
            if name not in _PLAIN_HEADERS:
                values += _header_secrets(value)
        forms = {form for value in values for form in _forms(value) if len(form) >= _MIN_LENGTH}
        # The longest first: it may contain a shorter one.
        longest_first = sorted(forms, key=len, reverse=True)
        self._secrets = [form.encode("latin-1", "replace") for form in longest_first]

    def mask(self, data: bytes) -> bytes:
        """Return *data* with the secrets masked."""
        for secret in self._secrets:
            data = data.replace(secret, _MASK)
        return data

    def mask_text(self, text: str) -> str:
        """Return *text* with the secrets masked. Characters outside Latin-1 are replaced."""
        return self.mask(text.encode("latin-1", "replace")).decode("latin-1")


def _header_secrets(value: str) -> Iterator[str]:
    """Yield the header *value*, and the credentials in it."""
    scheme, _, key = value.partition(" ")
    yield value
    yield key
    if scheme.lower() == "basic":
        try:
            credentials = b64decode(key).decode("latin-1")
        except ValueError:
            return
        yield credentials
        name, _, password = credentials.partition(":")
        # With an empty password, as for Segment, the user name is the key.
        yield password or name


def _forms(value: str) -> set[str]:
    """Return *value* as it is, in JSON, and in a URL."""
    quoted = json.dumps(value)[1:-1]
    return {value, quoted, quoted.replace("/", "\\/"), quote(value, safe=""), quote_plus(value)}
