"""Simulate several users who use the demo at the same time."""

from __future__ import annotations

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

from eventtracking.demo.actions import ACTIONS, BLOCKED_NAMES
from eventtracking.processors.size_guard import SizeGuard

USERS = ("ana", "ben", "chidi", "dora", "emil")

MAX_LINE_BYTES = SizeGuard().max_bytes
"""The size limit of the recommended processors."""

_ESSAY = "It happened like this. " * (MAX_LINE_BYTES // 8)

_TIMEOUT_SECONDS = 30.0


class Step(NamedTuple):
    """
    An action of one user.

    Args:
        id: The id of its request.
        user: The name of the user.
        path: The path of the action.
        form: The fields of the request.
    """

    id: str
    user: str
    path: str
    form: dict[str, Any]

    @property
    def event(self) -> str:
        """The name of its event."""
        return ACTIONS[self.path].event

    @property
    def is_dropped(self) -> bool:
        """Whether the filter drops its event."""
        return any(fnmatchcase(self.event, pattern) for pattern in BLOCKED_NAMES)

    def __str__(self) -> str:
        return f"{self.event} of {self.user} (request {self.id})"


def plan() -> list[Step]:
    """Return the steps of all users, with new request ids."""
    return [Step(uuid4().hex, user, path, form) for user in USERS for path, form in _actions()]


def run(url: str, steps: Sequence[Step]) -> list[str]:
    """Send the requests of all users to *url* at once; return a line for each that failed."""
    users = sorted({step.user for step in steps})
    start = Barrier(len(users), timeout=_TIMEOUT_SECONDS)

    def act_as(user: str) -> list[str]:
        start.wait()
        return [line for step in steps if step.user == user and (line := _failure(url, step))]

    with ThreadPoolExecutor(len(users)) as threads:
        return [line for lines in threads.map(act_as, users) for line in lines]


def _actions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the form of each action of a user, who has a random password."""
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
    # Without the proxies of the environment: the requests must not leave the machine.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            response.read()
    except HTTPError as error:
        error.close()
        return f"refused with {error.code}: {step}"
    except (OSError, HTTPException) as error:
        return f"failed, {error}: {step}"
    return ""
