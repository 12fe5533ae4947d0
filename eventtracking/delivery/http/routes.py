"""How to get to a server: what its address says, and whether a proxy stands between."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from eventtracking.exceptions import ImproperlyConfigured

_PORTS = {"http": 80, "https": 443}

_VISIBLE = re.compile("[!-~]+")


class Route(NamedTuple):
    """How to get to a server."""

    scheme: str
    host: str
    port: int

    path: str
    """What all its addresses begin with."""

    secret_query: str
    """What is added to an address when it is written to the wire, and not before."""

    proxy: tuple[str, int] | None
    proxy_headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Route {self.origin}>"

    @property
    def origin(self) -> str:
        """Scheme, host and port, which may be shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def target(self, location: str) -> str | None:
        """Return the path of the address *location*, if it is one of this server."""
        try:
            parts = urlsplit(location)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            return None
        is_here = (parts.scheme, parts.hostname, port) == (self.scheme, self.host, self.port)
        if not is_here or not _VISIBLE.fullmatch(location):
            return None
        return f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"


def route(url: Any, secret_query: Mapping[str, str], *, who: str, option: str) -> Route:
    """
    Return how to get to *url*, as the environment says (`HTTPS_PROXY`, `NO_PROXY`, ...).

    Raises:
        ImproperlyConfigured: If *url* is no address, or the proxy is none of http.
    """
    parts = _parts(url)
    if parts is None:
        raise ImproperlyConfigured(
            f"{who}: {option} must be a URL such as 'https://events.example.com/path' in ASCII, "
            f"without a user name, got {_shown(url)}"
        )
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    query = "&".join(filter(None, [parts.query, urlencode(secret_query)]))
    proxy, headers = _proxy(parts.scheme, host, port, who)
    return Route(parts.scheme, host, port, parts.path, query, proxy, headers)


def _parts(url: Any) -> SplitResult | None:
    """Return the parts of *url*, or nothing if it cannot be used."""
    if not isinstance(url, str) or not _VISIBLE.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.scheme in _PORTS and parts.hostname and parts.port != 0)
        (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts if is_whole and "@" not in parts.netloc and not parts.fragment else None


def _shown(url: Any) -> str:
    """Return *url* for an error, but for what may be a key."""
    if not isinstance(url, str):
        return f"a {type(url).__name__}"
    start, _, end = re.split("[?#]", url, maxsplit=1)[0].rpartition("@")
    return repr(f"...@{end}" if start else end)


def _proxy(
    scheme: str, host: str, port: int, who: str
) -> tuple[tuple[str, int] | None, dict[str, str]]:
    """Return the address of the proxy, and what it wants to be told."""
    # Here, for it brings all the modules of the network.
    from urllib.request import getproxies

    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or _needs_none(host, port, proxies.get("no", "")):
        return None, {}
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        address = (parts.hostname or "", parts.port or 80)
    except ValueError:
        parts, address = SplitResult("", "", "", "", ""), ("", 0)
    if parts.scheme != "http" or not parts.hostname:
        raise ImproperlyConfigured(
            f"{who}: the proxy in {scheme.upper()}_PROXY or ALL_PROXY must be a URL such as "
            f"'http://proxy:3128', got {_shown(url)}. Correct it, or add {host} to NO_PROXY"
        )
    return address, _proxy_headers(parts)


def _needs_none(host: str, port: int, exceptions: str) -> bool:
    from urllib.request import proxy_bypass

    if proxy_bypass(f"{host}:{port}"):
        return True
    # Networks, which many write there, and the standard library does not know.
    return any(_holds(network.strip(), host) for network in exceptions.split(","))


def _holds(network: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _proxy_headers(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
