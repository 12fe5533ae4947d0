"""The form that pages of Open edX send: what it becomes, and that its answer never changes."""

from urllib.parse import urlencode

import pytest
from collector_requests import FACTS, FORM, HEADERS, Site

PAGE = "https://h/courses/a/b/c/x"


def posted(site, facts=FACTS, headers=FORM, **fields):
    answer = site.post(urlencode(fields).encode(), headers, facts)
    assert (answer.status, answer.body) == (200, b"success")
    return site.events[-1] if site.events else None


def test_a_form_becomes_an_event_in_the_context_of_the_platform():
    """The one that its documentation shows."""
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


def test_the_facts_of_the_request_are_there_too():
    """And are the server's."""
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
        ("no json", "no json"),
        ("{", "{"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("[" * 2000, "[" * 2000),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}),
        ('{"username": "ana"}', {"username": "ana"}),
    ],
)
def test_the_event_is_any_json_or_else_text(text, data):
    """Scalars and lists are no errors."""
    assert posted(Site(), event_type="a", event=text)["data"] == data


@pytest.mark.parametrize("fields", [{}, {"event_type": ""}])
def test_a_form_without_a_name_is_unknown(fields):
    """As ever: none of the fields is required."""
    event = posted(Site(), **fields)

    assert (event["name"], event["data"]) == ("unknown", {})
    assert event["context"]["page"] == ""
    assert event["context"]["course_id"] == ""


def test_a_course_may_be_named():
    """Then the page is not searched, and a key that is none is no course."""
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
def test_the_username_tells_nobody_from_nothing_known(facts, username):
    """Empty if nobody is logged in, "anonymous" if the site knows no users."""
    assert posted(Site(processors=[]), facts, event_type="a")["context"]["username"] == username


def test_an_event_that_is_refused_is_answered_alike_and_counted():
    """An old page could do nothing about it."""
    site = Site(reserved_prefixes=["edx."], max_event_bytes=100)

    assert posted(site, event_type="edx.course.enrollment.activated") is None
    assert posted(site, event_type="a", event="x" * 200) is None
    assert site.collector.stats()["refused"] == {"reserved_name": 1, "too_large": 1}


@pytest.mark.parametrize("text", ["\ud800", "%ff", "%ED%A0%80"])
def test_a_query_that_is_no_text_raises_nothing(text):
    """Whoever made the facts may have decoded it in any way."""
    site = Site(page_close_by_get=True)
    facts = {**FACTS, "query": f"event_type=page_close&event={text}&page={text}"}

    assert site.collector("GET", HEADERS, b"", facts).status == 200
    [event] = site.events
    assert event["data"] == event["context"]["page"]
    assert event["data"].encode()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_form_that_cannot_be_taken_now_is_503(method):
    """Success would be a lie, and it is no matter of the event: a page may come again."""
    site = Site(page_close_by_get=True)
    site.tracker.close()
    facts = {**FACTS, "query": "event_type=page_close"}
    answer = site.collector(method, FORM, b"event_type=page_close", facts)

    assert (answer.status, answer.body) == (503, b'{"error":"closed"}')
    assert site.refused() == {"closed": 1}


def test_of_two_fields_by_one_name_the_last_counts():
    """As in Django."""
    site = Site()
    site.post(b"event_type=a&event_type=b", FORM)

    assert site.events[0]["name"] == "b"


def test_a_form_with_very_many_fields_is_400():
    """They are not even looked at."""
    site = Site()

    assert site.post(b"&".join([b"a=b"] * 101), FORM).status == 400
    assert site.refused() == {"too_many_fields": 1}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "", "post", "TRACE"])
def test_nothing_happens_but_by_post(method):
    """The answer says what is possible."""
    site = Site()
    answer = site.collector(method, HEADERS, b"", {**FACTS, "query": "event_type=page_close"})

    assert answer.status == 405
    assert dict(answer.headers)["Allow"] == "POST, OPTIONS"
    assert site.events == []


def test_the_old_page_close_comes_by_get_where_that_is_switched_on():
    """And nothing else does, nor from a foreign page."""
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
