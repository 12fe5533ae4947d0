"""The form that pages of Open edX send, and its response, which never changes."""

from urllib.parse import urlencode

import pytest
from collector_requests import FACTS, FORM, HEADERS, Site

PAGE = "https://h/courses/a/b/c/x"


def posted(site, facts=FACTS, headers=FORM, **fields):
    response = site.post(urlencode(fields).encode(), headers, facts)
    assert (response.status, response.body) == (200, b"success")
    return site.events[-1] if site.events else None


def test_a_form_becomes_an_event_with_the_context_of_open_edx():
    """As in the documentation of the platform."""
    event = posted(
        Site(processors=[]), event_type="play_video", event='{"id": "v1", "n": 3}', page=PAGE
    )
    received_at = event["context"].pop("received_at")

    assert event["name"] == "play_video"
    assert event["data"] == {"id": "v1", "n": 3}
    assert event["context"] == {
        "course_id": "a/b/c",
        "org_id": "a",
        "enterprise_uuid": "",
        "username": "ana",
        "event_source": "browser",
        "page": PAGE,
    }
    assert event["timestamp"].isoformat() == received_at


def test_the_event_has_the_facts_about_the_request():
    """They are those of the server."""
    context = posted(Site(), event_type="a", page=PAGE)["context"]

    assert (context["user_id"], context["session"]) == (7, "server-session")
    assert context["ip"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", {}),
        ("5", 5),
        ("1.5", 1.5),
        ("true", True),
        ('"text"', "text"),
        ("[1, 2]", [1, 2]),
        ('["username"]', ["username"]),
        ("null", {}),
        ("not json", "not json"),
        ("{", "{"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("[" * 2000, "[" * 2000),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}),
        ('{"username": "ana"}', {"username": "ana"}),
    ],
)
def test_the_data_is_any_json_or_text(text, data):
    """Scalars and lists are valid."""
    assert posted(Site(), event_type="a", event=text)["data"] == data


@pytest.mark.parametrize("fields", [{}, {"event_type": ""}])
def test_a_form_without_a_name_is_an_unknown_event(fields):
    """No field is required."""
    event = posted(Site(), **fields)

    assert (event["name"], event["data"]) == ("unknown", {})
    assert event["context"]["page"] == ""
    assert event["context"]["course_id"] == ""


def test_a_form_may_name_the_course():
    """The page is not searched then, and an invalid key means no course."""
    key = "course-v1:O+C+R"

    named = posted(Site(), page=PAGE, courserun_key=key)
    wrong = posted(Site(), page=PAGE, courserun_key="nonsense")

    assert (named["context"]["course_id"], named["context"]["org_id"]) == (key, "O")
    assert wrong["context"]["course_id"] == ""


@pytest.mark.parametrize(
    ("facts", "username"),
    [
        (FACTS, "ana"),
        ({**FACTS, "user_id": None, "username": ""}, ""),
        ({**FACTS, "user_id": "", "username": ""}, "anonymous"),
        (None, "anonymous"),
    ],
)
def test_the_username_of_an_anonymous_visitor(facts, username):
    """It is empty if nobody is logged in, and "anonymous" if that is not known."""
    assert posted(Site(processors=[]), facts, event_type="a")["context"]["username"] == username


def test_a_refused_form_gets_the_same_response_and_is_counted():
    """Old pages expect no other response."""
    site = Site(reserved_prefixes=["edx."], max_event_bytes=100)

    assert posted(site, event_type="edx.course.enrollment.activated") is None
    assert posted(site, event_type="a", event="x" * 200) is None
    assert site.collector.stats()["refused"] == {"reserved_name": 1, "too_large": 1}


@pytest.mark.parametrize("text", ["\ud800", "%ff", "%ED%A0%80"])
def test_a_query_that_is_not_valid_text_is_accepted(text):
    """A server may have decoded it in any way."""
    site = Site(page_close_by_get=True)
    facts = {**FACTS, "query": f"event_type=page_close&event={text}&page={text}"}

    assert site.collector("GET", HEADERS, b"", facts).status == 200
    [event] = site.events
    assert event["data"] == event["context"]["page"]
    assert event["data"].encode()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_form_is_unavailable_if_the_tracker_is_closed(method):
    """The page may send it again."""
    site = Site(page_close_by_get=True)
    site.tracker.close()
    facts = {**FACTS, "query": "event_type=page_close"}
    response = site.collector(method, FORM, b"event_type=page_close", facts)

    assert (response.status, response.body) == (503, b'{"error":"closed"}')
    assert site.refused() == {"closed": 1}


def test_the_last_of_two_fields_with_one_name_counts():
    """As in Django."""
    site = Site()
    site.post(b"event_type=a&event_type=b", FORM)

    assert site.events[0]["name"] == "b"


def test_a_form_with_too_many_fields_is_refused():
    """The limit is a hundred."""
    site = Site()

    assert site.post(b"&".join([b"a=b"] * 101), FORM).status == 400
    assert site.refused() == {"too_many_fields": 1}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "", "post", "TRACE"])
def test_other_methods_than_post_are_not_allowed(method):
    """The response has the allowed methods."""
    site = Site()
    response = site.collector(method, HEADERS, b"", {**FACTS, "query": "event_type=page_close"})

    assert response.status == 405
    assert dict(response.headers)["Allow"] == "POST, OPTIONS"
    assert site.events == []


def test_the_event_page_close_may_be_sent_with_get_if_that_is_enabled():
    """Other events may not, and neither may pages of other sites."""
    site = Site(page_close_by_get=True)
    facts = {**FACTS, "query": "event_type=page_close&event=&page=https%3A%2F%2Fh%2Fc"}
    other = {**FACTS, "query": "event_type=play_video"}
    foreign = {**HEADERS, "origin": "https://evil.example"}

    assert site.collector("GET", foreign, b"", facts).status == 403
    assert site.collector("GET", HEADERS, b"", other).status == 405
    assert site.collector("GET", HEADERS, b"", None).status == 405
    assert site.collector("GET", HEADERS, b"", facts)[::2] == (200, b"success")
    [event] = site.events
    assert (event["name"], event["data"]) == ("page_close", {})
    assert event["context"]["page"] == "https://h/c"
