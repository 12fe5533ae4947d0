"""The page for people, and the JSON for tests: what came in, and what to fail with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import merge
from importlib.resources import files
from typing import Any

import orjson

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.access import Access
from eventtracking.inspector.faults import Faults
from eventtracking.inspector.intake import Answer, parse
from eventtracking.inspector.record import Record, Records, listing

MAX_BODY_BYTES = 100_000
"""A script of faults is shorter."""

# What the page gets at once, of the good and of the bad each. It shows no more, and whoever
# misses some has `/all`.
_MOST_FED = 300

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.svg": ("page.svg", "image/svg+xml"),
}

# The page needs its own files and its own answers, and nothing else in the world.
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
)

_HEADERS = (
    ("Content-Security-Policy", "; ".join(_POLICY)),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)

_JSON = "application/json"

Question = tuple[Mapping[str, str], bytes]
"""What a request asks: its query and its body."""


class Admin:
    """
    Answer all that is not for a vendor.

    Args:
        records: What came in.
        faults: The scripts of answers.
        access: Who may ask.
    """

    def __init__(self, records: Records, faults: Faults, access: Access) -> None:
        self._records = records
        self._faults = faults
        self._access = access
        folder = files("eventtracking.inspector")
        self._files = {
            path: _answer(200, (folder / name).read_bytes(), content_type)
            for path, (name, content_type) in _FILES.items()
        }
        self._pages: dict[tuple[str, str], Callable[[Question], Answer]] = {
            ("GET", "/all"): lambda question: self._list(question, None),
            ("GET", "/good"): lambda question: self._list(question, True),
            ("GET", "/bad"): lambda question: self._list(question, False),
            ("GET", "/feed"): self._feed,
            ("GET", "/event"): self._event,
            ("POST", "/reset"): self._reset,
            ("POST", "/faults"): self._script,
        }

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """Answer one request; *headers* have names in lower case."""
        # A page's own files hold nothing that came in, and it cannot show a token for them.
        needs_token = path == "/" or path not in self._files
        if refusal := self._access.refusal(headers, query, needs_token=needs_token):
            return _refuse(*refusal)
        asked = "GET" if method == "HEAD" else method
        if path in self._files:
            return self._files[path] if asked == "GET" else _wrong_method("GET")
        if page := self._pages.get((asked, path)):
            return page((query, body))
        allowed = [method for method, known in self._pages if known == path]
        return _wrong_method(*allowed) if allowed else _refuse(404, "there is nothing here")

    def _list(self, question: Question, good: bool | None) -> Answer:
        query, _ = question
        records = self._records.kept(good=good)
        if destination := query.get("destination"):
            records = [each for each in records if each.destination == destination]
        return _answer(200, listing(self._records.counts(), records))

    def _feed(self, question: Question) -> Answer:
        """Return what the page has not seen yet, without payloads, which it asks for one by one."""
        query, _ = question
        # Before the events: what comes in between is fed the next time.
        state = self._records.state()
        after = _number(query.get("after"))
        kinds = [self._records.kept(good=good, after=after)[-_MOST_FED:] for good in (True, False)]
        events = [
            {"number": each.number, **each.shown()}
            for each in merge(*kinds)
            if each.number <= state["last"]
        ]
        return _json(200, {"counts": self._records.counts(), **state, "events": events})

    def _event(self, question: Question) -> Answer:
        query, _ = question
        record: Record | None = self._records.find(_number(query.get("number")))
        if record is None:
            return _refuse(404, "this event is not kept any more")
        return _json(200, {**record.shown(), "payload": orjson.Fragment(record.event.payload)})

    def _reset(self, question: Question) -> Answer:  # noqa: ARG002
        self._records.reset()
        self._faults.clear()
        return _json(200, {"counts": self._records.counts()})

    def _script(self, question: Question) -> Answer:
        content, trouble = parse(question[1])
        if trouble or not isinstance(content, dict):
            return _refuse(400, trouble or 'the body must be {"destination": ..., "script": ...}')
        try:
            self._faults.script(content.get("destination"), content.get("script"))
        except ImproperlyConfigured as error:
            return _refuse(400, str(error))
        return _json(200, {"destination": content["destination"], "script": content["script"]})


def _number(text: str | None) -> int:
    # The length is what int() takes in no time.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004


def _wrong_method(*allowed: str) -> Answer:
    return _refuse(405, f"only {', '.join(allowed)}", ("Allow", ", ".join(allowed)))


def _refuse(status: int, why: str, *headers: tuple[str, str]) -> Answer:
    if status == 401:  # noqa: PLR2004
        headers = (*headers, ("WWW-Authenticate", "Bearer"))
    return _json(status, {"error": why}, *headers)


def _json(status: int, content: Mapping[str, Any], *headers: tuple[str, str]) -> Answer:
    return _answer(status, orjson.dumps(content), _JSON, *headers)


def _answer(
    status: int, body: bytes, content_type: str = _JSON, *headers: tuple[str, str]
) -> Answer:
    return Answer(status, body, (("Content-Type", content_type), *headers, *_HEADERS))
