"""Course keys of Open edX: find one in a URL, and parse it."""

from __future__ import annotations

import re
from typing import NamedTuple

# A key has three parts, separated by slashes or pluses, and ends at the next slash or
# question mark. It follows `/course/` or `/courses/`, unless that begins the versioned path
# of an API.
_IN_URL = re.compile(r"/courses?/(?!v[0-9]+/[^/])([^/+]+[/+][^/+]+[/+][^/?]+)")

_PART = r"([\w.~:-]+)"
_SUFFIXES = rf"(?:\+branch@{_PART})?(?:\+version@[0-9a-f]{{24}})?"

_COURSE = re.compile(
    rf"course-v1:{_PART}\+{_PART}\+{_PART}{_SUFFIXES}"
    rf"|ccx-v1:{_PART}\+{_PART}\+{_PART}{_SUFFIXES}\+ccx@[0-9]+"
    # The oldest keys have no prefix, and their parts no colon.
    r"|([\w.-]+)/[\w.-]+/[\w.-]+"
)
_LIBRARY = re.compile(rf"library-v1:{_PART}\+{_PART}{_SUFFIXES}")


class CourseKey(NamedTuple):
    """A valid key: its text, its organisation, and whether it is the key of a course."""

    text: str
    org: str
    is_course: bool


def find_course_id(url: str) -> str | None:
    """Return the text in *url* that is in the place of a course key, valid or not."""
    match = _IN_URL.search(url)
    return None if match is None else match[1]


def parse_course_key(text: str) -> CourseKey | None:
    """
    Parse a key such as `course-v1:O+C+R`, `O/C/R` or `ccx-v1:O+C+R+ccx@7`.

    The key of a library, `library-v1:O+L`, is valid too, but is not a course.
    """
    is_course = True
    match = _COURSE.fullmatch(text)
    if match is None:
        is_course = False
        match = _LIBRARY.fullmatch(text)
    if match is None:
        return None
    org = next(part for part in match.groups() if part is not None)
    return CourseKey(text, org, is_course)


def course_context(key: CourseKey | None) -> dict[str, str]:
    """Return `{"course_id", "org_id", "enterprise_uuid"}` for *key*, all empty for `None`."""
    if key is None:
        return {"course_id": "", "org_id": "", "enterprise_uuid": ""}
    return {
        "course_id": key.text if key.is_course else "",
        "org_id": key.org,
        "enterprise_uuid": "",
    }
