"""`RequestContext`: facts about the request in the context of events."""

import re

import pytest

from eventtracking.backends.memory import MemoryBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.processors.request_context import RequestContext
from eventtracking.request import (
    DEFAULT_FACTS,
    FACTS,
    CallbackVisitor,
    EnvironFacts,
    RequestScope,
    TrustedProxies,
)
from eventtracking.tracker import Tracker

ENVIRON = {
    "PATH_INFO": "/courses/course-v1:O+C+R/about",
    "QUERY_STRING": "utm_source=mail",
    "REMOTE_ADDR": "203.0.113.9",
    "REQUEST_METHOD": "GET",
}


def request_scope(environ=ENVIRON, user=None):
    return RequestScope(
        EnvironFacts(
            lambda: environ,
            visitor=CallbackVisitor(None, user=user),
            trusted_proxies=TrustedProxies(),
        )
    )


def context(processor, environ=ENVIRON, **entered):
    event = {"name": "n", "data": {}, "context": entered}
    with request_scope(environ):
        return processor(event)["context"]


def test_an_event_outside_of_a_request_is_unchanged():
    """A script has no request."""
    event = {"name": "n", "data": {}, "context": {"a": 1}}

    assert RequestContext()(event) is event
    assert event["context"] == {"a": 1}


def test_an_event_in_a_request_has_the_ten_default_facts():
    """Other facts must be named in `fields`."""
    found = context(RequestContext(), a=1)

    assert {*found} == {*DEFAULT_FACTS, "a"}
    assert (found["ip"], found["path"]) == ("203.0.113.9", ENVIRON["PATH_INFO"])


def test_fields_name_exactly_the_facts_to_add():
    """An empty list adds none."""
    assert context(RequestContext(fields=["method", "ip"])) == {
        "method": "GET",
        "ip": "203.0.113.9",
    }
    assert context(RequestContext(fields=[])) == {}
    assert {*context(RequestContext(fields=FACTS))} == {*FACTS}


def test_values_that_the_application_entered_win():
    """Also `None`, for example for no user."""
    found = context(RequestContext(), ip="mine", user_id=None, path="")

    assert (found["ip"], found["user_id"], found["path"]) == ("mine", None, "")


def test_the_event_passed_in_is_not_changed():
    """Two events of a request share no mutable value."""
    processor = RequestContext(fields=["campaign", "ip"])
    event = {"name": "n", "data": {}, "context": {}}
    with request_scope():
        first, second = processor(event), processor(event)
    first["context"]["campaign"]["source"] = first["context"]["ip"] = "changed"

    assert event["context"] == {}
    assert second["context"] == {"campaign": {"source": "mail"}, "ip": "203.0.113.9"}


def test_named_groups_of_url_patterns_are_added():
    """They may match anywhere in the path. Groups that did not match are not added."""
    patterns = [
        r"/courses/(?P<course_id>[^/]+)(?:/(?P<page>about))?(?:/(?P<tab>tab))?",
        re.compile(r"course-v1:(?P<org_id>[^+]+)"),
        r"/never/(?P<never>.)",
        r"(?P<course_id>second)|(?P<page>courses)",
    ]

    found = context(RequestContext(fields=[], url_patterns=patterns))

    assert found == {"course_id": "course-v1:O+C+R", "page": "about", "org_id": "O"}


def test_an_address_can_be_anonymized():
    """An address that the application entered is unchanged."""
    processor = RequestContext(fields=["ip"], anonymize_ip=True)

    assert context(processor) == {"ip": "203.0.113.0"}
    assert context(processor, {"REMOTE_ADDR": "2001:db8:1:2::3"}) == {"ip": "2001:db8:1::"}
    assert context(processor, {"REMOTE_ADDR": "invalid"}) == {"ip": ""}
    assert context(processor, ip="10.0.0.1") == {"ip": "10.0.0.1"}
    assert context(RequestContext(fields=["path"], anonymize_ip=True), {}) == {"path": ""}


def test_two_processors_do_not_share_cached_facts():
    """Two branches may have different options."""
    plain, anonymous = (
        RequestContext(fields=["ip"]),
        RequestContext(fields=["ip"], anonymize_ip=True),
    )
    event = {"name": "n", "data": {}, "context": {}}
    with request_scope():
        found = [each(event)["context"]["ip"] for each in (plain, anonymous, plain)]

    assert found == ["203.0.113.9", "203.0.113.0", "203.0.113.9"]


def test_a_user_who_logs_in_during_a_request_is_in_later_events():
    """Token authentication happens in the view."""
    users = [(None, "")]
    backend = MemoryBackend()
    tracker = Tracker({"memory": backend}, processors=[RequestContext()])
    with request_scope(user=lambda _: users[-1]):
        tracker.emit("before")
        users.append((7, "ana"))
        tracker.emit("after")

    assert [event["context"]["user_id"] for event in backend.events] == [None, 7]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"fields": "ip"}, "fields must be a list, got 'ip'"),
        ({"fields": 5}, "fields must be a list, got 5"),
        ({"fields": ["agnet"]}, "fields[0] must be one of session, user_id, "),
        ({"fields": ["agnet"]}, "got 'agnet': Did you mean 'agent'?"),
        ({"fields": [None]}, "fields[0] must be one of session,"),
        ({"url_patterns": "(?P<a>b)"}, "url_patterns must be a list"),
        ({"url_patterns": re.compile("(?P<a>b)")}, "url_patterns must be a list"),
        ({"url_patterns": None}, "url_patterns must be a list, got None"),
        ({"url_patterns": ["("]}, "got '(': missing ), unterminated"),
        ({"url_patterns": [5]}, "url_patterns[0] must be a regular expression with named groups"),
        ({"url_patterns": ["/plain/"]}, "got '/plain/': it has no named group"),
        ({"url_patterns": [b"(?P<a>b)"]}, ": it must be an expression for text, not bytes"),
        ({"anonymize_ip": "no"}, "anonymize_ip must be true or false, got 'no'"),
    ],
)
def test_a_wrong_option_is_explained(options, expected):
    """When the processor is constructed."""
    with pytest.raises(ImproperlyConfigured) as raised:
        RequestContext(**options)

    assert str(raised.value).startswith("RequestContext: ")
    assert expected in str(raised.value)


def test_the_repr_shows_the_fields():
    """Operators see it in lists of processors."""
    assert repr(RequestContext(fields=["ip"])) == "<RequestContext fields=('ip',) url_patterns=0>"


def test_a_group_of_a_pattern_must_not_have_the_name_of_a_fact():
    """Readers could not distinguish them."""
    pattern = r"/u/(?P<username>\w+)"
    with pytest.raises(
        ImproperlyConfigured, match=r"'/u/.*: the group 'username' has the name of a fact"
    ):
        RequestContext(url_patterns=[pattern])

    assert context(
        RequestContext(fields=["ip"], url_patterns=[pattern]), {**ENVIRON, "PATH_INFO": "/u/ana"}
    ) == {
        "ip": "203.0.113.9",
        "username": "ana",
    }
