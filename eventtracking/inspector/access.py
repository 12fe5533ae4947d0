"""Who may look: the token, the names that the page is reached by, and the pages that may ask."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address


class Access:
    """
    Let in whoever knows the token, and no page from elsewhere.

    Args:
        token: What has to be known; `None` for nothing.
        host: Where the server listens.
    """

    def __init__(self, *, token: str | None, host: str) -> None:
        self._token = token
        self._names = {"localhost", "127.0.0.1", "::1", host.lower()}

    def refusal(
        self, headers: Mapping[str, str], query: Mapping[str, str], *, needs_token: bool = True
    ) -> tuple[int, str] | None:
        """Return the status and the reason to refuse a request with; `None` to let it in."""
        host = headers.get("host", "").lower()
        # A page can make any name mean this machine (DNS rebinding).
        if _name(host) not in self._names:
            return 403, "this server goes by another name"
        if headers.get("origin", f"http://{host}").lower() != f"http://{host}":
            return 403, "a page from elsewhere may not ask"
        if needs_token and not self._knows_token(headers, query):
            return (
                401,
                "the token is missing or wrong: Authorization: Bearer TOKEN, or ?token=TOKEN",
            )
        return None

    def _knows_token(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        if self._token is None:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else query.get("token", "")
        return hmac.compare_digest(given.encode(errors="replace"), self._token.encode())


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server that listens on *host*."""
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    """Return a `Host` header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
