"""The course of a URL, a key or a learning context."""

import logging
from types import SimpleNamespace

import pytest

from eventtracking.openedx.contexts import (
    context_dict_for_learning_context,
    course_context_from_course_id,
    course_context_from_url,
)

NO_COURSE = {"course_id": "", "org_id": "", "enterprise_uuid": ""}
KEY = "course-v1:MITx+6.00+2026"


def course(course_id, org_id):
    return {"course_id": course_id, "org_id": org_id, "enterprise_uuid": ""}


@pytest.mark.parametrize(
    ("url", "course_id", "org_id"),
    [
        (f"http://h/courses/{KEY}/about", KEY, "MITx"),
        (f"/courses/{KEY}", KEY, "MITx"),
        (f"/course/{KEY}?x=1", KEY, "MITx"),
        ("http://h/courses/org/c/run/info", "org/c/run", "org"),
        ("/courses/org/c/run", "org/c/run", "org"),
        (f"/api/courses/v1/courses/{KEY}", KEY, "MITx"),
        (f"/?next=/courses/{KEY}", KEY, "MITx"),
        (f"/courses/{KEY}/x/courses/course-v1:O+C+R", KEY, "MITx"),
        ("/courses/course-v1:Ü+é+日本/x", "course-v1:Ü+é+日本", "Ü"),
        ("/courses/ccx-v1:O+C+R+ccx@7/ccx_coach", "ccx-v1:O+C+R+ccx@7", "O"),
    ],
)
def test_the_course_in_a_url_is_found(url, course_id, org_id):
    """The first one, in the old or new form. Versions of an API are skipped."""
    assert course_context_from_url(url) == course(course_id, org_id)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "http://h/dashboard",
        f"courses/{KEY}",
        "/courses/",
        "/courses/course-v1:O+C",
        "/courses/O/C",
        "/api/courses/v1/blocks/",
        "/courses/course-v1%3AO%2BC%2BR/about",
        "/mycourses/O/C/R",
    ],
)
def test_a_url_without_a_course_has_an_empty_context(url, caplog):
    """It is logged only at DEBUG."""
    with caplog.at_level(logging.DEBUG):
        assert course_context_from_url(url) == NO_COURSE

    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_long_urls_are_shortened_in_the_log(caplog):
    """256 characters are enough to recognise one."""
    with caplog.at_level(logging.DEBUG):
        course_context_from_url("/" + "a" * 5_000)

    assert caplog.messages == ["No course in the URL /" + "a" * 255]


@pytest.mark.parametrize(
    "url", [f"/courses/{KEY}#frag", "/courses/O/C%20/R", "/courses/a/b/c+d", "/courses/ /b/c"]
)
def test_an_invalid_key_in_a_url_is_logged_with_its_traceback(url, caplog):
    """The context is empty, and the event is sent."""
    assert course_context_from_url(url) == NO_COURSE

    [record] = caplog.records
    assert (record.levelname, bool(record.exc_info)) == ("WARNING", True)


def test_an_explicit_course_wins_over_the_url(caplog):
    """Also if it is invalid."""
    assert course_context_from_url(f"/courses/{KEY}", "O/C/R") == course("O/C/R", "O")
    assert course_context_from_url(f"/courses/{KEY}", "") == NO_COURSE
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (None, NO_COURSE),
        ("course-v1:O+C+R", course("course-v1:O+C+R", "O")),
        ("course-v1:O.x-~y_:z+C+R", course("course-v1:O.x-~y_:z+C+R", "O.x-~y_:z")),
        ("course-v1:O+C+R+branch@b", course("course-v1:O+C+R+branch@b", "O")),
        ("O/C/R", course("O/C/R", "O")),
        ("ccx-v1:O+C+R+ccx@7", course("ccx-v1:O+C+R+ccx@7", "O")),
        ("library-v1:O+L", course("", "O")),
    ],
)
def test_a_key_is_parsed_without_the_packages_of_open_edx(key, expected):
    """A library has an organisation but is not a course."""
    assert course_context_from_course_id(key) == expected


@pytest.mark.parametrize(
    "key",
    [
        "",
        "O/C",
        "course-v1:O+C",
        "course-v1:O+C+R#frag",
        "course-v1:O+C+R/x",
        "course-v1:O+C+R\n",
        "course-v1:O%20x+C+R",
        "course-v1:O/C/R",
        "O/C/R/x",
        "O:x/C/R",
        "a/b/c+d",
        "lib:O:slug",
        "foo:O+C+R",
        "ccx-v1:O+C+R",
        "ccx-v1:O+C+R+ccx@x",
        "course-v1:O++R",
        "O//R",
    ],
)
def test_an_invalid_key_is_refused(key):
    """The error shows the form of a key."""
    with pytest.raises(ValueError, match="must look like course-v1:org"):
        course_context_from_course_id(key)


@pytest.mark.parametrize("key", [5, b"O/C/R", object(), SimpleNamespace(org=5, is_course=True)])
def test_a_key_of_another_type_is_an_assertion_error(key):
    """As on the platform."""
    with pytest.raises(AssertionError, match="must be text, a key object or None"):
        course_context_from_course_id(key)


class Key:
    """An object with the attributes of a key of `opaque_keys`."""

    def __init__(self, text, org, *, is_course):
        self.text, self.org, self.is_course = text, org, is_course

    def __str__(self):
        return self.text


def test_key_objects_of_the_platform_are_accepted():
    """Code of the platform passes them."""
    key = Key("course-v1:O+C+R", "O", is_course=True)

    assert course_context_from_course_id(key) == course("course-v1:O+C+R", "O")
    assert course_context_from_course_id(Key("lib:O:s", "O", is_course=False)) == course("", "O")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (None, ("", "", "")),
        ("O/C/R", ("O/C/R", "O/C/R", "O")),
        ("library-v1:O+L", ("library-v1:O+L", "", "O")),
    ],
)
def test_a_learning_context_may_be_a_course_or_a_library(key, expected):
    """Its own id is set in both cases."""
    names = ("context_id", "course_id", "org_id")

    assert context_dict_for_learning_context(key) == dict(zip(names, expected, strict=True))


@pytest.mark.parametrize("repeated", ["/course/", "/courses/a+", "/course/v1/", "/courses/a"])
def test_a_long_url_is_searched_to_its_end(repeated):
    """Any repetition is searched in linear time."""
    assert course_context_from_url(repeated * 20_000 + "/x") is not None
