"""Send HTTP requests within a time limit, and know whether a byte of each went out."""

from __future__ import annotations

import gzip
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from eventtracking import __version__
from eventtracking._imports import require
from eventtracking._options import Options
from eventtracking.delivery.failures import NoResponse, NotSent
from eventtracking.delivery.http.headers import check_headers, lower_names
from eventtracking.delivery.http.key_masking import KeyMask
from eventtracking.delivery.http.outcomes import Response, printable
from eventtracking.delivery.http.routes import check_url, find_route

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from eventtracking.delivery.http.connections import Connection

# No useful response is longer.
_MAX_RESPONSE_BYTES = 64 * 1024

_MAX_REDIRECTS = 3

# More connections than any destination uses at once.
_MAX_IDLE_CONNECTIONS = 32

# The fastest level. The next one costs more processor time than it saves on the network.
_COMPRESSION_LEVEL = 1

# A server that responds with a lower status claims to have taken the request.
_NOT_TAKEN = 300

_EMPTY: Mapping[str, str] = MappingProxyType({})

_HEADERS = {
    "user-agent": f"eventtracking/{__version__}",
    # A response that is not compressed cannot be a decompression bomb.
    "accept-encoding": "identity",
}


class HttpClient:
    """
    Post to one server, over connections that are kept for later requests.

    Several threads may post at once, each over its own connection.

    Certificates are verified against those of the system (`SSL_CERT_FILE` and
    `SSL_CERT_DIR` name others). Proxies are taken from the environment: `HTTP_PROXY`,
    `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. Connections are replaced after five minutes,
    so that a new address of the host is noticed.

    Args:
        url: Scheme, host, port and the beginning of all paths. Its query is treated like
            *secret_query*.
        owner: The class that has the option, for error messages.
        option: The name of the option, for error messages.
        headers: The headers of every request. Their values appear in no log message, `repr`
            or exception.
        secret_query: Is added to the query only on the connection, so that it appears
            nowhere else.

    Raises:
        ImproperlyConfigured: If an option is wrong, or `urllib3` is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        owner: str,
        option: str,
        headers: Mapping[str, str] = _EMPTY,
        secret_query: Mapping[str, str] = _EMPTY,
    ) -> None:
        options = Options(owner)
        check_url(options, option, url)
        check_headers(options, headers)
        options.raise_problems()
        self._route = find_route(url, secret_query, owner=owner)
        self._headers = _HEADERS | lower_names(headers)
        require("urllib3", extra="http")
        from eventtracking.delivery.http import connections

        self._failures = connections.FAILURES
        self._connector = connections.Connector(self._route)
        # An HTTP proxy needs the whole URL.
        self._prefix = ""
        if self._route.proxy and self._route.scheme == "http":
            self._prefix = self._route.origin
            self._headers |= lower_names(self._route.proxy_headers)
        secrets = self._headers | lower_names(self._route.proxy_headers)
        self._mask = KeyMask(secrets, self._route.path, self._route.secret_query)
        # No lock: a thread takes a connection out, uses it alone, and puts it back.
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        # The number of calls of `close`. A connection older than the last is not put back.
        self._closings = 0

    def post(
        self,
        path: str,
        body: bytes,
        *,
        timeout: float,
        headers: Mapping[str, str] = _EMPTY,
        compress: bool = False,
    ) -> Response:
        """
        Post *body*, and return the response, whatever its status.

        A redirect is followed if it leads to the same server and keeps the method.

        Args:
            path: The path after the URL of this client.
            body: The content of the request.
            timeout: Seconds from connecting to the last byte of the response. The lookup of the
                host's address is limited only by the system's resolver.
            headers: Headers of this request, in addition to those of the client.
            compress: Whether to compress *body* with gzip.

        Raises:
            NotSent: If not a byte of the request went out.
            NoResponse: If some of it may have gone out, and no complete response came back.
        """
        deadline = time.monotonic() + timeout
        headers = self._headers | lower_names(headers)
        if compress:
            body = gzip.compress(body, _COMPRESSION_LEVEL, mtime=0)
            headers["content-encoding"] = "gzip"
        start = self._route.path
        target: str | None = start.removesuffix("/") + path if path else start or "/"
        for _ in range(_MAX_REDIRECTS + 1):
            address = f"{self._prefix}{target}"
            response = self._request(address, body, headers, deadline)
            target = self._redirect_target(response, address)
            if target is None:
                break
        return self._masked(response)

    @property
    def origin(self) -> str:
        """Scheme, host and port: the part of the URL that is not secret."""
        return self._route.origin

    @property
    def identity(self) -> str:
        """A digest of the URL and the keys. It differs for two clients, and reveals neither."""
        route = self._route
        facts = (route.origin, route.path, route.secret_query, sorted(self._headers.items()))
        return blake2b(repr(facts).encode(), digest_size=16).hexdigest()

    def forget(self) -> None:
        """Drop the connections without closing them, in a forked child: they are the parent's."""
        self._closings += 1
        for connection in (*self._busy, *self._idle):
            connection.abandon()
        self._busy.clear()
        self._idle.clear()

    def close(self) -> None:
        """Close the idle connections. Safe to call twice. A later `post` opens new ones."""
        self._closings += 1
        while (connection := self._take_idle()) is not None:
            connection.close()

    def __repr__(self) -> str:
        return f"<HttpClient {self._route.origin}>"

    def _request(
        self, target: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Response:
        while (connection := self._take_idle()) is not None:
            if not connection.is_fresh():
                connection.close()
                continue
            # If the server closed it at that very moment, a new connection may succeed.
            with suppress(NotSent):
                return self._exchange(connection, target, body, headers, deadline)
        return self._exchange(self._connect(deadline), target, body, headers, deadline)

    def _take_idle(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connect(self, deadline: float) -> Connection:
        try:
            return self._connector.connect(deadline)
        except self._failures as error:
            explanation = self._explain(error)
        # Raised outside of the block, so that the new error does not refer to the original
        # one, whose text is not masked.
        raise NotSent(explanation)

    def _exchange(
        self,
        connection: Connection,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Response:
        """Send a request over *connection*, and return the response."""
        closings = self._closings
        self._busy.add(connection)
        connection.deadline, connection.has_sent = deadline, False
        is_reusable = False
        try:
            response, is_reusable = _exchange(connection, target, body, headers)
        except self._failures as error:
            explanation = self._explain(error)
        else:
            return response
        finally:
            self._busy.discard(connection)
            has_room = len(self._idle) < _MAX_IDLE_CONNECTIONS
            if is_reusable and has_room and closings == self._closings:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            else:
                connection.close()
        # Raised here for the same reason as in `_connect`.
        raise (NoResponse if connection.has_sent else NotSent)(explanation)

    def _redirect_target(self, response: Response, target: str) -> str | None:
        """Return the path to repeat the request at, if *response* is a redirect on this server."""
        if response.status not in (307, 308) or "location" not in response.headers:
            return None
        here = target if self._prefix else f"{self._route.origin}{target}"
        try:
            return self._route.target(urljoin(here, response.headers["location"]))
        except ValueError:
            return None

    def _masked(self, response: Response) -> Response:
        headers = {name: self._mask.mask_text(value) for name, value in response.headers.items()}
        return Response(response.status, headers, self._mask.mask(response.body))

    def _explain(self, error: Exception) -> str:
        text = str(error) or type(error).__name__
        return f"{self._route.origin}: {printable(self._mask.mask_text(text))}"


def _exchange(
    connection: Connection, target: str, body: bytes, headers: Mapping[str, str]
) -> tuple[Response, bool]:
    """Return the response, and whether the connection can be used again."""
    is_sent = True
    try:
        connection.request("POST", target, body, headers, preload_content=False)
    except ConnectionError:
        # A server that refuses a large body may respond and close before it has read all.
        is_sent = False
        if not connection.has_sent:
            raise
    response = connection.read_response()
    try:
        if not is_sent and response.status < _NOT_TAKEN:
            raise ConnectionResetError("the server accepted a request that it had not read")
        content = _read(response)
        is_reusable = is_sent and response.isclosed() and not connection.is_closed
    finally:
        response.close()
    response_headers = {name.lower(): value for name, value in response.getheaders()}
    return Response(response.status, response_headers, content), is_reusable


def _read(response: HTTPResponse) -> bytes:
    content = response.read(_MAX_RESPONSE_BYTES)
    if len(content) < _MAX_RESPONSE_BYTES and response.length:
        raise ConnectionResetError(f"the response ended {response.length} bytes too soon")
    return content
