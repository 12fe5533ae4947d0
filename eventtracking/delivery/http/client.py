"""Send one HTTP request, bounded in time, and know whether a byte of it went out."""

from __future__ import annotations

import gzip
import re
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
from eventtracking.delivery.http.key_masking import Echoes
from eventtracking.delivery.http.outcomes import Answer, NoAnswer, NotSent, printable
from eventtracking.delivery.http.routes import route
from eventtracking.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from eventtracking.delivery.http.connections import Connection

# No answer that means something to us is longer.
_MOST_ANSWER_BYTES = 64 * 1024

_MOST_REDIRECTS = 3

# More connections than any destination uses at once.
_MOST_KEPT = 32

# The fastest. A level more costs a core what it saves the wire.
_COMPRESSION = 1

# From here on a status says that nothing was taken.
_NOT_TAKEN = 300

_NOTHING: Mapping[str, str] = MappingProxyType({})

_HEADERS = {
    "user-agent": f"eventtracking/{__version__}",
    # What is not asked for need not be unpacked, nor can it be a bomb.
    "accept-encoding": "identity",
}

# Whoever could set these could make one request look like two.
_OUR_HEADERS = {"connection", "content-length", "transfer-encoding"}


class HttpClient:
    """
    Post to one server, over connections that are kept for the next request.

    Several threads may post at once, each over a connection of its own.

    Certificates are verified against those of the system (`SSL_CERT_FILE` and
    `SSL_CERT_DIR` name others). Proxies are those of the environment: `HTTP_PROXY`,
    `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. A new connection is made every five minutes,
    so that a new address of the host is noticed.

    Args:
        url: Scheme, host, port and what all paths begin with. A query in it is treated as
            *secret_query* is.
        who: Whose option it is, for error messages.
        option: Its name, for error messages.
        headers: Sent with each request. Values in them are in no log, repr or exception.
        secret_query: Added to the query on the wire only, so that nothing can show it.

    Raises:
        ImproperlyConfigured: If an option is wrong, or `urllib3` is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        who: str,
        option: str,
        headers: Mapping[str, str] = _NOTHING,
        secret_query: Mapping[str, str] = _NOTHING,
    ) -> None:
        self._route = route(url, secret_query, who=who, option=option)
        self._headers = _HEADERS | _checked(headers, who)
        require("urllib3", extra="http")
        from eventtracking.delivery.http import connections

        self._failures = connections.FAILURES
        self._connector = connections.Connector(self._route)
        self._begin = ""
        if self._route.proxy and self._route.scheme == "http":
            self._begin = self._route.origin
            self._headers |= _lower(self._route.proxy_headers)
        secrets = self._headers | _lower(self._route.proxy_headers)
        self._echoes = Echoes(secrets, self._route.path, self._route.secret_query)
        # No lock: whoever takes a connection out has it alone, and puts it back.
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        # Counts `close`, after which nothing is put back.
        self._closings = 0

    def post(
        self,
        path: str,
        body: bytes,
        *,
        timeout: float,
        headers: Mapping[str, str] = _NOTHING,
        compress: bool = False,
    ) -> Answer:
        """
        Post *body*, and return the answer, whatever its status.

        A redirect is followed if it leads to the same server and keeps the method.

        Args:
            path: What follows the URL of this client.
            body: What to send.
            timeout: Seconds from connecting to the last byte of the answer. Looking up the
                name of the host is bounded by the system's resolver only.
            headers: Sent with this request, beside those of the client.
            compress: Whether to send *body* with gzip.

        Raises:
            NotSent: If not a byte of the request went out.
            NoAnswer: If something may have gone out, and no whole answer came back.
        """
        deadline = time.monotonic() + timeout
        headers = self._headers | _lower(headers)
        if compress:
            body = gzip.compress(body, _COMPRESSION, mtime=0)
            headers["content-encoding"] = "gzip"
        start = self._route.path
        target: str | None = start.removesuffix("/") + path if path else start or "/"
        for _ in range(_MOST_REDIRECTS + 1):
            address = f"{self._begin}{target}"
            answer = self._ask(address, body, headers, deadline)
            target = self._redirection(answer, address)
            if target is None:
                break
        return self._masked(answer)

    @property
    def origin(self) -> str:
        """Scheme, host and port: what may be shown of the URL."""
        return self._route.origin

    @property
    def identity(self) -> str:
        """What tells apart where to and with which keys, and shows neither: a digest."""
        route = self._route
        said = (route.origin, route.path, route.secret_query, sorted(self._headers.items()))
        return blake2b(repr(said).encode(), digest_size=16).hexdigest()

    def forget(self) -> None:
        """Drop the connections without closing them, in a forked child: they are the parent's."""
        self._closings += 1
        for connection in (*self._busy, *self._idle):
            connection.abandon()
        self._busy.clear()
        self._idle.clear()

    def close(self) -> None:
        """Close connections that are idle. Safe to call twice; a later `post` opens others."""
        self._closings += 1
        while (kept := self._kept()) is not None:
            kept.close()

    def __repr__(self) -> str:
        return f"<HttpClient {self._route.origin}>"

    def _ask(self, target: str, body: bytes, headers: Mapping[str, str], deadline: float) -> Answer:
        while (kept := self._kept()) is not None:
            if not kept.is_fresh():
                kept.close()
                continue
            # If the server hung up at that very moment, a new connection tells more.
            with suppress(NotSent):
                return self._exchange(kept, target, body, headers, deadline)
        return self._exchange(self._connect(deadline), target, body, headers, deadline)

    def _kept(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connect(self, deadline: float) -> Connection:
        try:
            return self._connector.connect(deadline)
        except self._failures as error:
            explanation = self._explained(error)
        # Not in the block above: the error would hang on to the one that is to be hidden.
        raise NotSent(explanation)

    def _exchange(
        self,
        connection: Connection,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Answer:
        """Send a request and read the answer, both over *connection*."""
        closings = self._closings
        self._busy.add(connection)
        connection.deadline, connection.has_sent = deadline, False
        is_done = False
        try:
            answer, is_done = _talk(connection, target, body, headers)
        except self._failures as error:
            explanation = self._explained(error)
        else:
            return answer
        finally:
            self._busy.discard(connection)
            has_room = len(self._idle) < _MOST_KEPT
            if is_done and has_room and closings == self._closings:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            else:
                connection.close()
        # As in `_connect`.
        raise (NoAnswer if connection.has_sent else NotSent)(explanation)

    def _redirection(self, answer: Answer, target: str) -> str | None:
        """Return where *answer* says to post the same again, if that is on this server."""
        if answer.status not in (307, 308) or "location" not in answer.headers:
            return None
        here = target if self._begin else f"{self._route.origin}{target}"
        try:
            return self._route.target(urljoin(here, answer.headers["location"]))
        except ValueError:
            return None

    def _masked(self, answer: Answer) -> Answer:
        """Return *answer* without the keys that the server may have repeated."""
        headers = {name: self._echoes.hide_in(value) for name, value in answer.headers.items()}
        return Answer(answer.status, headers, self._echoes.hide(answer.body))

    def _explained(self, error: Exception) -> str:
        said = str(error) or type(error).__name__
        return f"{self._route.origin}: {printable(self._echoes.hide_in(said))}"


def _talk(
    connection: Connection, target: str, body: bytes, headers: Mapping[str, str]
) -> tuple[Answer, bool]:
    """Return the answer, and whether the connection can be used again."""
    sent_all = True
    try:
        connection.request("POST", target, body, headers, preload_content=False)
    except ConnectionError:
        # Whoever refuses a large body may answer before all of it is sent, and hang up.
        sent_all = False
        if not connection.has_sent:
            raise
    response = connection.answer()
    try:
        if not sent_all and response.status < _NOT_TAKEN:
            raise ConnectionResetError("it took what it had not read")
        content = _content(response)
        is_done = sent_all and response.isclosed() and not connection.is_closed
    finally:
        response.close()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, named, content), is_done


def _content(response: HTTPResponse) -> bytes:
    content = response.read(_MOST_ANSWER_BYTES)
    if len(content) < _MOST_ANSWER_BYTES and response.length:
        raise ConnectionResetError(f"the answer ended {response.length} bytes too soon")
    return content


def _checked(headers: Mapping[str, str], who: str) -> dict[str, str]:
    """Return *headers*, the names in lower case; an error shows no value."""
    for name, value in headers.items():
        is_text = isinstance(name, str) and isinstance(value, str)
        if not is_text or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII):
            raise ImproperlyConfigured(
                f"{who}: headers must map names, of letters and dashes, to texts; see {name!r}"
            )
        if name.lower() in _OUR_HEADERS:
            raise ImproperlyConfigured(f"{who}: headers must leave {name!r} to the client")
        if not re.fullmatch(r"[ -~\xa0-\xff\t]*", value):
            raise ImproperlyConfigured(
                f"{who}: the header {name!r} must be one line of Latin-1 without control "
                "characters. Look for a newline at its end"
            )
    return _lower(headers)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers* such that no name is there twice."""
    return {name.lower(): value for name, value in headers.items()}
