"""Whether the page that sent a request may: the check that takes the place of a token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from eventtracking.exceptions import ImproperlyConfigured

_DEFAULT_PORTS = {"http": 80, "https": 443}

# What a browser adds by itself, and another site can make use of.
_CREDENTIALS = ("cookie", "authorization")


class Origins:
    """
    The origins whose pages may send events: the site's own, and those of a list.

    Args:
        allowed: Origins such as `https://www.example.com`, each exactly as browsers write it.

    Raises:
        ImproperlyConfigured: If *allowed* holds anything else.
    """

    def __init__(self, allowed: Any) -> None:
        if isinstance(allowed, str | bytes) or not isinstance(allowed, Iterable):
            raise _wrong("a list of origins", allowed)
        self._allowed = frozenset(_checked(origin) for origin in allowed)

    def is_listed(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the request comes from a page of another origin that is on the list."""
        return headers.get("origin") in self._allowed

    def may_send(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the page behind a request with these *headers* may send events."""
        if self.is_listed(headers):
            return True
        origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "")
        if site == "cross-site":
            # Also for the page's unencrypted twin, which anybody on the way can write.
            return False
        if origin == "null":
            # A page that sends no referrer has no origin either, and nor has a sandbox.
            return site == "same-origin"
        if origin or site:
            return _is_own(origin, headers) if origin else site in ("same-origin", "same-site")
        return self._may_without(headers)

    def _may_without(self, headers: Mapping[str, str]) -> bool:
        """Judge what an old browser sent, or no browser at all."""
        referer = headers.get("referer", "")
        if referer:
            return _is_own(referer, headers) or _origin_of(referer) in self._allowed
        return not any(headers.get(name) for name in _CREDENTIALS)

    def cors(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the headers by which a page of another origin may read the answer."""
        vary = ("Vary", "Origin")
        if not self.is_listed(headers):
            return [vary]
        return [
            vary,
            ("Access-Control-Allow-Origin", headers["origin"]),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", "Retry-After"),
        ]


def _is_own(url: str, headers: Mapping[str, str]) -> bool:
    """Tell whether *url* is of the host that was asked."""
    # Not of the same scheme: behind a proxy, nobody here knows what that was.
    scheme = url.partition(":")[0].lower()
    own = _place(f"{scheme}://{headers.get('host', '')}")
    return own is not None and own == _place(url)


def _place(url: str) -> tuple[str, int] | None:
    """Return host and port of *url*; `None` if it has none that a page could come from."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
        return None
    return host, port or _DEFAULT_PORTS[parts.scheme]


def _origin_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _checked(origin: Any) -> str:
    if not isinstance(origin, str) or _place(origin) is None or _origin_of(origin) != origin:
        raise _wrong("origins such as 'https://www.example.com'", origin)
    if "*" in origin or origin != origin.lower() or not origin.isascii():
        raise _wrong("each origin as browsers write it, without a wildcard", origin)
    return origin


def _wrong(expected: str, got: Any) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"Collector: allowed_origins must hold {expected}, got {got!r}")
