"""Use the demonstration as several people at once, and verify what the log says afterwards."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from http.client import HTTPException
from secrets import token_urlsafe
from threading import Barrier
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener
from uuid import uuid4

import orjson

from eventtracking.demo.actions import ACTIONS, DROPPED
from eventtracking.journal import read
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.processors.size_guard import SizeGuard
from eventtracking.serialization import encode

USERS = ("ana", "ben", "chidi", "dora", "emil")

MAX_LINE_BYTES = SizeGuard().max_bytes
"""What the guard of the recommended processors lets pass."""

_ESSAY = "It happened like this. " * (MAX_LINE_BYTES // 8)

_REDACTED = SensitiveFieldGuard().replacement

_TIMEOUT_SECONDS = 30.0


class Step(NamedTuple):
    """One thing that one user does, known by the id of its request."""

    id: str
    user: str
    path: str
    form: dict[str, Any]

    @property
    def event(self) -> str:
        """The name of the event that this is."""
        return ACTIONS[self.path].event

    @property
    def is_dropped(self) -> bool:
        """Whether its event is one that the filter keeps out of the log."""
        return any(fnmatchcase(self.event, pattern) for pattern in DROPPED)

    def __str__(self) -> str:
        return f"{self.event} of {self.user} (request {self.id})"


def plan() -> list[Step]:
    """Return what the users are going to do, each step with an id of its own."""
    return [Step(uuid4().hex, user, path, form) for user in USERS for path, form in _story()]


def drive(url: str, steps: Sequence[Step]) -> list[str]:
    """Send the requests to *url*, all users at once; return a line for each that failed."""
    users = sorted({step.user for step in steps})
    start = Barrier(len(users), timeout=_TIMEOUT_SECONDS)

    def use(user: str) -> list[str]:
        start.wait()
        return [line for step in steps if step.user == user and (line := _failure(url, step))]

    with ThreadPoolExecutor(len(users)) as people:
        return [line for lines in people.map(use, users) for line in lines]


def verify(log: str, steps: Sequence[Step]) -> list[str]:
    """Return a line for each of *steps* that the file at *log* does not hold as it should."""
    # A device could be read for ever.
    if not os.path.isfile(log):
        return [f"{log} is not a file that can be read again"]
    try:
        found = _found(log, {step.id for step in steps})
        leaked = _leaked(log, steps)
    except OSError as error:
        return [f"{log} cannot be read: {error.strerror}"]
    lines = [line for step in steps for line in _judged(step, found[step.id])]
    return lines + [f"with its password in the log: {step}" for step in leaked]


def _story() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what one user does, with a password that nobody had before."""
    yield "/sign-in", {"password": token_urlsafe()}
    yield "/enroll", {}
    yield "/video/play", {"seconds": 0}
    yield "/scroll", {}
    yield "/video/pause", {"seconds": 12.5}
    yield "/answer", {"answer": "edx.video.played"}
    yield "/essay", {"essay": _ESSAY}
    yield "/leave", {}


def _failure(url: str, step: Step) -> str:
    request = Request(  # noqa: S310  # the address is our own
        url.rstrip("/") + step.path,
        data=orjson.dumps({"user": step.user, **step.form}),
        headers={"Content-Type": "application/json", "X-Request-ID": step.id},
    )
    # Without the proxies of the environment: this must not leave the machine.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            answer.read()
    except HTTPError as error:
        error.close()
        return f"refused with {error.code}: {step}"
    except (OSError, HTTPException) as error:
        return f"failed, {error}: {step}"
    return ""


def _found(log: str, ids: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the events of the requests called *ids*. The log may hold those of earlier runs."""
    found = defaultdict(list)
    for event in read(log):
        request_id = _context(event).get("request_id")
        if isinstance(request_id, str) and request_id in ids:
            found[request_id].append(event)
    return found


def _leaked(log: str, steps: Sequence[Step]) -> list[Step]:
    """Return the steps whose password is among the bytes of *log*, wherever that may be."""
    passwords = [
        (step, step.form["password"].encode()) for step in steps if "password" in step.form
    ]
    leaked = set()
    with open(log, "rb") as lines:
        for line in lines:
            leaked |= {step.id for step, password in passwords if password in line}
    return [step for step in steps if step.id in leaked]


def _judged(step: Step, events: Sequence[dict[str, Any]]) -> Iterator[str]:
    expected = 0 if step.is_dropped else 1
    if len(events) < expected:
        yield f"missing: {step}"
    elif len(events) > expected:
        yield f"{len(events)} times instead of {expected}: {step}"
    for event in events:
        if event.get("name") != step.event:
            yield f"under the wrong name, {event.get('name')!r}: {step}"
        user = _context(event).get("username")
        if user != step.user:
            yield f"with the wrong user, {user!r}: {step}"
        yield from (f"{wrong}: {step}" for wrong in _unguarded(step, event))


def _unguarded(step: Step, event: dict[str, Any]) -> Iterator[str]:
    """Yield what the guards should have done to *event*, and did not."""
    data, note = event.get("data"), _context(event).get("truncated")
    data = data if isinstance(data, dict) else {}
    size = len(encode(event))
    if size > MAX_LINE_BYTES:
        yield f"in {size} bytes, more than {MAX_LINE_BYTES}"
    elif "essay" in step.form and not _is_marked(data.get("essay"), note):
        yield "without a mark of what was cut"
    if "password" in step.form and data.get("password") != _REDACTED:
        yield f"without {_REDACTED} for its password"


def _is_marked(essay: Any, note: Any) -> bool:
    is_cut = isinstance(essay, str) and essay.endswith(" bytes removed]")
    return is_cut and isinstance(note, dict) and note.get("paths") == ["/data/essay"]


def _context(event: dict[str, Any]) -> dict[str, Any]:
    context = event.get("context")
    return context if isinstance(context, dict) else {}
