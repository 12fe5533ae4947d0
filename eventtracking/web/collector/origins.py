"""Check the origin of a page, which takes the place of a CSRF token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from eventtracking._options import Options, Rule

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Browsers add these headers to requests of other sites too, which makes forgery possible.
_CREDENTIALS = ("cookie", "authorization")


class Origins:
    """
    The origins whose pages may send events: the site's own, and those in a list.

    Args:
        allowed_origins: Origins such as `https://www.example.com`, exactly as browsers write
            them.
        options: Collects the problems of the option.
    """

    def __init__(self, allowed_origins: Any, options: Options) -> None:
        checked = options.check_list("allowed_origins", allowed_origins, _ORIGIN)
        self._allowed = frozenset(checked)

    def is_listed(self, headers: Mapping[str, str]) -> bool:
        """Return whether the page is of an origin in the list."""
        return headers.get("origin") in self._allowed

    def may_send(self, headers: Mapping[str, str]) -> bool:
        """Return whether the page behind a request with these *headers* may send events."""
        if self.is_listed(headers):
            return True
        origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "")
        if site == "cross-site":
            # The site's own pages are included if they are not encrypted, because anybody on
            # the network can change those.
            return False
        if origin == "null":
            # Pages that send no referrer have this origin, but sandboxed pages have it too.
            return site == "same-origin"
        if origin or site:
            return _is_own(origin, headers) if origin else site in ("same-origin", "same-site")
        return self._may_send_without_origin(headers)

    def _may_send_without_origin(self, headers: Mapping[str, str]) -> bool:
        """Decide about the request of an old browser, or of a program that is not a browser."""
        referer = headers.get("referer", "")
        if referer:
            return _is_own(referer, headers) or _origin_of(referer) in self._allowed
        return not any(headers.get(name) for name in _CREDENTIALS)

    def cors_headers(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the headers that let a page of a listed origin read the response."""
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
    """Return whether *url* has the host that the request was sent to."""
    # The scheme is not compared: behind a proxy, it is not known.
    scheme = url.partition(":")[0].lower()
    own = _host_and_port(f"{scheme}://{headers.get('host', '')}")
    return own is not None and own == _host_and_port(url)


def _host_and_port(url: str) -> tuple[str, int] | None:
    """Return the host and port of *url*; `None` if a page cannot have this URL."""
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


def _is_origin(value: Any) -> bool:
    if not isinstance(value, str) or _host_and_port(value) is None or _origin_of(value) != value:
        return False
    return "*" not in value and value == value.lower() and value.isascii()


_ORIGIN = Rule(
    "an origin as browsers write it, such as 'https://www.example.com', without a wildcard",
    _is_origin,
)
