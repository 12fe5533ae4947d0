"""Keys of ours in what others say: servers repeat them in answers, and errors quote answers."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus

_MASK = b"********"

# What stands in these is no secret, and answers may well repeat it.
_PLAIN_HEADERS = {"accept", "accept-encoding", "content-encoding", "content-type", "user-agent"}

# Anything shorter may stand in an answer by chance.
_SHORTEST = 4
_SHORTEST_IN_PATH = 16


class Echoes:
    """
    Hide keys in texts.

    Args:
        headers: What is sent with each request; names are in lower case.
        path: What follows the host in an address. Many webhooks have a key in it.
        query: The part of an address that is not to be shown.
    """

    def __init__(self, headers: Mapping[str, str], path: str, query: str) -> None:
        values = [query, *(value for _, value in parse_qsl(query))]
        values += [part for part in path.split("/") if len(part) >= _SHORTEST_IN_PATH]
        for name, value in headers.items():
            if name not in _PLAIN_HEADERS:
                values += _parts(value)
        forms = {form for value in values for form in _forms(value) if len(form) >= _SHORTEST}
        # The longest first: another may be a part of it.
        longest_first = sorted(forms, key=len, reverse=True)
        self._secrets = [form.encode("latin-1", "replace") for form in longest_first]

    def hide(self, text: bytes) -> bytes:
        """Return *text*, with a mask in the place of each key."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    def hide_in(self, text: str) -> str:
        """Return *text*, in which what is not Latin-1 is replaced, with masks as well."""
        return self.hide(text.encode("latin-1", "replace")).decode("latin-1")


def _parts(value: str) -> Iterator[str]:
    """Yield the header *value*, and the keys within it."""
    kind, _, key = value.partition(" ")
    yield value
    yield key
    if kind.lower() == "basic":
        try:
            credentials = b64decode(key).decode("latin-1")
        except ValueError:
            return
        yield credentials
        name, _, password = credentials.partition(":")
        # Where there is no password, as with Segment, the name is the key.
        yield password or name


def _forms(value: str) -> set[str]:
    quoted = json.dumps(value)[1:-1]
    return {value, quoted, quoted.replace("/", "\\/"), quote(value, safe=""), quote_plus(value)}
