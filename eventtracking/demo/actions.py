"""The actions that a user of the demo can take, and the event of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode
from zlib import crc32

COURSE_ID = "course-v1:DemoX+Events101+2026"
VIDEO_ID = "welcome"
VIDEO_SECONDS = 60.0
PROBLEM_ID = "event-names"
ESSAY_ID = "what-happened"

MIN_PASSWORD_CHARACTERS = 8
MAX_PASSWORD_CHARACTERS = 100

MAX_ESSAY_CHARACTERS = 250_000
"""Several times the size that the guard lets an event have."""

CHOICES = ("PlayVideo", "edx.video.played", "video_play_click")
"""The choices of the problem on the page."""

_CORRECT_CHOICE = "edx.video.played"

_USER_NAME = re.compile(r"[\w.' -]{1,40}")

Form: TypeAlias = Mapping[str, Any]
"""The fields of a request, before they are validated."""


class InvalidInput(ValueError):
    """A field of a request is not valid. The text is shown to the user."""


class Action(NamedTuple):
    """The name of an event, and the function that makes its data from the fields of a request."""

    event: str
    data: Callable[[Form], dict[str, Any]]


def user_context(form: Form) -> dict[str, Any]:
    """
    Return the context of the user who sent *form*.

    Raises:
        InvalidInput: If *form* has no valid user name.
    """
    name = form.get("user")
    if not isinstance(name, str) or not _USER_NAME.fullmatch(name) or not name.strip():
        raise InvalidInput("user must be a name of 1 to 40 letters, digits, spaces, or . ' -")
    # Stands in for the key of a users table: a name has the same id in every run.
    return {"username": name, "user_id": crc32(name.encode()) % 100_000}


def _enrollment(_: Form) -> dict[str, Any]:
    return {"course_id": COURSE_ID, "mode": "audit"}


def _video(form: Form) -> dict[str, Any]:
    seconds = form.get("seconds")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= VIDEO_SECONDS:  # type: ignore[operator]
        raise InvalidInput(f"seconds must be a number from 0 to {VIDEO_SECONDS:g}")
    return {"id": VIDEO_ID, "current_time": seconds, "duration": VIDEO_SECONDS}


def _answer(form: Form) -> dict[str, Any]:
    answer = form.get("answer")
    if answer not in CHOICES:
        raise InvalidInput(f"answer must be one of: {', '.join(CHOICES)}")
    return {"problem_id": PROBLEM_ID, "answer": answer, "correct": answer == _CORRECT_CHOICE}


def _sign_in(form: Form) -> dict[str, Any]:
    """Return data that contains the password twice, as a careless application would track it."""
    low, high = MIN_PASSWORD_CHARACTERS, MAX_PASSWORD_CHARACTERS
    password = form.get("password")
    if not isinstance(password, str) or not low <= len(password) <= high:
        raise InvalidInput(f"password must be a string of {low} to {high} characters")
    body = urlencode({"username": form["user"], "password": password})
    return {"method": "password", "password": password, "form": body}


def _essay(form: Form) -> dict[str, Any]:
    essay = form.get("essay")
    if not isinstance(essay, str) or not 0 < len(essay) <= MAX_ESSAY_CHARACTERS:
        raise InvalidInput(f"essay must be a string of 1 to {MAX_ESSAY_CHARACTERS} characters")
    return {"essay_id": ESSAY_ID, "essay": essay, "characters": len(essay)}


def _scrolling(_: Form) -> dict[str, Any]:
    return {"page": "/"}


ACTIONS: Mapping[str, Action] = {
    "/enroll": Action("edx.course.enrollment.activated", _enrollment),
    "/leave": Action("edx.course.enrollment.deactivated", _enrollment),
    "/video/play": Action("edx.video.played", _video),
    "/video/pause": Action("edx.video.paused", _video),
    "/answer": Action("edx.problem.answer.submitted", _answer),
    "/sign-in": Action("edx.user.signed_in", _sign_in),
    "/essay": Action("edx.essay.submitted", _essay),
    "/scroll": Action("edx.page.scrolled", _scrolling),
}
"""Every action by the path of its requests."""

BLOCKED_NAMES = ("edx.page.*",)
"""The event names that the filter of the demo drops."""
