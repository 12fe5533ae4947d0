"""Course keys of Open edX: find one in a URL, and tell what it says."""

from __future__ import annotations

import re
from typing import NamedTuple

# After `/course/` or `/courses/`, unless it is the versioned path of an API: three parts
# between slashes or pluses, the last of them up to the next slash or question mark.
_IN_URL = re.compile(r"/courses?/(?!v[0-9]+/[^/])([^/+]+[/+][^/+]+[/+][^/?]+)")

_PART = r"([\w.~:-]+)"
_SUFFIXES = rf"(?:\+branch@{_PART})?(?:\+version@[0-9a-f]{{24}})?"

_COURSE = re.compile(
    rf"course-v1:{_PART}\+{_PART}\+{_PART}{_SUFFIXES}"
    rf"|ccx-v1:{_PART}\+{_PART}\+{_PART}{_SUFFIXES}\+ccx@[0-9]+"
    # The oldest keys have no prefix, and so no colon.
    r"|([\w.-]+)/[\w.-]+/[\w.-]+"
)
_LIBRARY = re.compile(rf"library-v1:{_PART}\+{_PART}{_SUFFIXES}")


class CourseKey(NamedTuple):
    """A valid key: its text, the organisation in it, and whether it is that of a course."""

    text: str
    org: str
    is_course: bool


def course_id_in(url: str) -> str | None:
    """Return what stands in *url* where a course key should, valid or not."""
    match = _IN_URL.search(url)
    return None if match is None else match[1]


def parse_course_key(text: str) -> CourseKey | None:
    """
    Return the key that *text* is: `course-v1:O+C+R`, `O/C/R`, `ccx-v1:O+C+R+ccx@7`.

    A library (`library-v1:O+L`) has a key of the kind too, and is no course.
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
    """Return `{"course_id", "org_id", "enterprise_uuid"}` for *key*; empty ones for none."""
    if key is None:
        return {"course_id": "", "org_id": "", "enterprise_uuid": ""}
    return {
        "course_id": key.text if key.is_course else "",
        "org_id": key.org,
        "enterprise_uuid": "",
    }
