"""The course of a request or an event, in the contexts of Open edX."""

from __future__ import annotations

import logging
from typing import Any

from eventtracking.request.courses import (
    CourseKey,
    course_context,
    find_course_id,
    parse_course_key,
)

logger = logging.getLogger(__name__)

_LOGGED_CHARACTERS = 256


def course_context_from_url(url: str | None, course_id_string: str | None = None) -> dict[str, str]:
    """
    Return `{"course_id", "org_id", "enterprise_uuid"}` for the course in *url*.

    The values are empty if the URL contains no course. The query is searched as well.

    Args:
        url: A URL, or its path and query.
        course_id_string: The key of the course, if it is known. *url* is not searched then.
    """
    text = find_course_id(url or "") if course_id_string is None else course_id_string
    if text is None:
        logger.debug("No course in the URL %.*s", _LOGGED_CHARACTERS, url)
        return course_context(None)
    try:
        return course_context_from_course_id(text)
    except ValueError:
        logger.warning("Unparsable course key %.*r", _LOGGED_CHARACTERS, text, exc_info=True)
        return course_context(None)


def course_context_from_course_id(course_id: Any) -> dict[str, str]:
    """
    Return `{"course_id", "org_id", "enterprise_uuid"}` for the course with this key.

    For a library, only the organisation is not empty.

    Args:
        course_id: The key as text, an object of `opaque_keys`, or `None` for no course.

    Raises:
        AssertionError: If it has another type, as on the platform.
        ValueError: If the text is not a valid key.
    """
    return course_context(_key(course_id))


def context_dict_for_learning_context(context_key: Any) -> dict[str, str]:
    """
    Return `{"context_id", "course_id", "org_id"}` for a course or a library.

    Args:
        context_key: As for `course_context_from_course_id`.

    Raises:
        AssertionError: As for `course_context_from_course_id`.
        ValueError: As for `course_context_from_course_id`.
    """
    key = _key(context_key)
    found = course_context(key)
    return {
        "context_id": "" if key is None else key.text,
        "course_id": found["course_id"],
        "org_id": found["org_id"],
    }


def _key(key: Any) -> CourseKey | None:
    if key is None:
        return None
    if isinstance(key, str):
        parsed = parse_course_key(key)
        if parsed is None:
            raise ValueError(f"a course key must look like course-v1:org+course+run, got {key!r}")
        return parsed
    # An object of `opaque_keys`, recognised by its attributes: the package may be missing.
    if isinstance(getattr(key, "org", None), str) and hasattr(key, "is_course"):
        return CourseKey(str(key), key.org, bool(key.is_course))
    raise AssertionError(f"a course key must be text, a key object or None, got {key!r}")
