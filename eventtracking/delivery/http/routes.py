"""The route to a server: its URL, and a proxy if there is one."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from eventtracking._options import Options

_PORTS = {"http": 80, "https": 443}

_VISIBLE = re.compile("[!-~]+")

_URL = "a URL such as 'https://events.example.com/path', in ASCII and without a user name"


class Route(NamedTuple):
    """The route to a server."""

    scheme: str
    host: str
    port: int

    path: str
    """The beginning of all paths."""

    secret_query: str
    """A query that is added only when a request is written to the connection."""

    proxy: tuple[str, int] | None
    proxy_headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Route {self.origin}>"

    @property
    def origin(self) -> str:
        """Scheme, host and port, which are not secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def target(self, location: str) -> str | None:
        """Return the path and the query of the URL *location*, if it leads to this server."""
        try:
            parts = urlsplit(location)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            return None
        is_here = (parts.scheme, parts.hostname, port) == (self.scheme, self.host, self.port)
        if not is_here or not _VISIBLE.fullmatch(location):
            return None
        return f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"


def check_url(options: Options, name: str, url: Any) -> None:
    """Note a problem in *options* unless *url*, the option *name*, is one to post to."""
    if _split(url) is None:
        options.problem(name, f"{name} must be {_URL}, got {_without_secrets(url)}")


def find_route(url: str, secret_query: Mapping[str, str], *, owner: str) -> Route:
    """
    Return the route to *url*, by a proxy if the environment has one (`HTTPS_PROXY`, ...).

    Args:
        url: A URL that `check_url` accepts.
        secret_query: Is added to the query of *url*.
        owner: The class whose route it is, for errors.

    Raises:
        ImproperlyConfigured: If the proxy is not an HTTP proxy.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    query = "&".join(filter(None, [parts.query, urlencode(secret_query)]))
    proxy, headers = _find_proxy(parts.scheme, host, port, owner)
    return Route(parts.scheme, host, port, parts.path, query, proxy, headers)


def _split(url: Any) -> SplitResult | None:
    """Return the components of *url*, or `None` if nothing can be posted to it."""
    if not isinstance(url, str) or not _VISIBLE.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.scheme in _PORTS and parts.hostname and parts.port != 0)
        (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts if is_complete and "@" not in parts.netloc and not parts.fragment else None


def _without_secrets(url: Any) -> str:
    """Return *url* for an error, without user name, password, query and fragment."""
    if not isinstance(url, str):
        return f"a value of type {type(url).__name__}"
    credentials, _, rest = re.split("[?#]", url, maxsplit=1)[0].rpartition("@")
    return repr(f"...@{rest}" if credentials else rest)


def _find_proxy(
    scheme: str, host: str, port: int, owner: str
) -> tuple[tuple[str, int] | None, dict[str, str]]:
    """Return the address of the proxy and the headers that it needs."""
    # Imported here because it loads all the network modules.
    from urllib.request import getproxies

    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or _bypasses_proxy(host, port, proxies.get("no", "")):
        return None, {}
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        address = (parts.hostname or "", parts.port or 80)
    except ValueError:
        parts, address = SplitResult("", "", "", "", ""), ("", 0)
    if parts.scheme != "http" or not parts.hostname:
        name = f"{scheme.upper()}_PROXY or ALL_PROXY"
        options = Options(owner)
        options.problem(
            name,
            f"{name} must be a URL such as 'http://proxy:3128', got {_without_secrets(url)}. "
            f"Correct it, or add {host} to NO_PROXY",
        )
        options.raise_problems()
    return address, _proxy_headers(parts)


def _bypasses_proxy(host: str, port: int, exceptions: str) -> bool:
    from urllib.request import proxy_bypass

    if proxy_bypass(f"{host}:{port}"):
        return True
    # Many people list networks in NO_PROXY, which the standard library does not support.
    return any(_contains(network.strip(), host) for network in exceptions.split(","))


def _contains(network: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _proxy_headers(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
