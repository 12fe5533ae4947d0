"""Access control for the page and its JSON API: the token, the host name and the origin."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address


class Access:
    """
    Admit requests that carry the token, and refuse those of other sites' pages.

    Args:
        token: The token to require; `None` to require none.
        host: The host that the server listens on.
    """

    def __init__(self, *, token: str | None, host: str) -> None:
        self._token = token
        self._host_names = {"localhost", "127.0.0.1", "::1", host.lower()}

    def refusal(
        self, headers: Mapping[str, str], query: Mapping[str, str], *, needs_token: bool = True
    ) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal; `None` if the request is admitted."""
        host = headers.get("host", "").lower()
        # A site can make any name resolve to this machine (DNS rebinding).
        if _without_port(host) not in self._host_names:
            return 403, "the Host header does not name this server"
        if headers.get("origin", f"http://{host}").lower() != f"http://{host}":
            return 403, "requests from pages of other origins are refused"
        if needs_token and not self._has_token(headers, query):
            return (
                401,
                "the token is missing or wrong: Authorization: Bearer TOKEN, or ?token=TOKEN",
            )
        return None

    def _has_token(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        if self._token is None:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else query.get("token", "")
        return hmac.compare_digest(given.encode(errors="replace"), self._token.encode())


def is_loopback(host: str) -> bool:
    """Return whether a server on *host* can be reached from this machine only."""
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
