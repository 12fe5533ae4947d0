"""The facts of a request, in the context of an event."""

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


def test_an_event_outside_of_a_request_stays_as_it_is():
    """A script has no visitor."""
    event = {"name": "n", "data": {}, "context": {"a": 1}}

    assert RequestContext()(event) is event
    assert event["context"] == {"a": 1}


def test_an_event_in_a_request_carries_the_ten_facts():
    """No others, unless they are asked for."""
    found = context(RequestContext(), a=1)

    assert {*found} == {*DEFAULT_FACTS, "a"}
    assert (found["ip"], found["path"]) == ("203.0.113.9", ENVIRON["PATH_INFO"])


def test_fields_name_exactly_the_facts_to_add():
    """None at all is a choice too."""
    assert context(RequestContext(fields=["method", "ip"])) == {
        "method": "GET",
        "ip": "203.0.113.9",
    }
    assert context(RequestContext(fields=[])) == {}
    assert {*context(RequestContext(fields=FACTS))} == {*FACTS}


def test_what_the_application_entered_wins():
    """It knows better, even that there is no user."""
    found = context(RequestContext(), ip="mine", user_id=None, path="")

    assert (found["ip"], found["user_id"], found["path"]) == ("mine", None, "")


def test_the_event_that_was_given_is_not_changed():
    """Nor are two events of one request connected by what they carry."""
    processor = RequestContext(fields=["campaign", "ip"])
    event = {"name": "n", "data": {}, "context": {}}
    with request_scope():
        first, second = processor(event), processor(event)
    first["context"]["campaign"]["source"] = first["context"]["ip"] = "changed"

    assert event["context"] == {}
    assert second["context"] == {"campaign": {"source": "mail"}, "ip": "203.0.113.9"}


def test_named_groups_of_url_patterns_are_added():
    """Anywhere in the path; what took no part is left out."""
    patterns = [
        r"/courses/(?P<course_id>[^/]+)(?:/(?P<page>about))?(?:/(?P<tab>tab))?",
        re.compile(r"course-v1:(?P<org_id>[^+]+)"),
        r"/never/(?P<never>.)",
        r"(?P<course_id>second)|(?P<page>courses)",
    ]

    found = context(RequestContext(fields=[], url_patterns=patterns))

    assert found == {"course_id": "course-v1:O+C+R", "page": "about", "org_id": "O"}


def test_an_address_can_be_made_anonymous():
    """The application's own word is left alone."""
    processor = RequestContext(fields=["ip"], anonymize_ip=True)

    assert context(processor) == {"ip": "203.0.113.0"}
    assert context(processor, {"REMOTE_ADDR": "2001:db8:1:2::3"}) == {"ip": "2001:db8:1::"}
    assert context(processor, {"REMOTE_ADDR": "odd"}) == {"ip": ""}
    assert context(processor, ip="10.0.0.1") == {"ip": "10.0.0.1"}
    assert context(RequestContext(fields=["path"], anonymize_ip=True), {}) == {"path": ""}


def test_two_processors_do_not_share_what_they_worked_out():
    """Two branches may tell different things."""
    plain, anonymous = (
        RequestContext(fields=["ip"]),
        RequestContext(fields=["ip"], anonymize_ip=True),
    )
    event = {"name": "n", "data": {}, "context": {}}
    with request_scope():
        found = [each(event)["context"]["ip"] for each in (plain, anonymous, plain)]

    assert found == ["203.0.113.9", "203.0.113.0", "203.0.113.9"]


def test_a_user_who_logs_in_late_is_in_the_events_from_then_on():
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
        ({"fields": ["agnet"]}, "got 'agnet'. Did you mean 'agent'? There are: session,"),
        ({"fields": [None]}, "fields must hold facts of a request, got None"),
        ({"url_patterns": "(?P<a>b)"}, "url_patterns must be a list"),
        ({"url_patterns": re.compile("(?P<a>b)")}, "url_patterns must be a list"),
        ({"url_patterns": None}, "url_patterns must be a list, got None"),
        ({"url_patterns": ["("]}, "url_patterns must hold regular expressions, got '(': "),
        ({"url_patterns": [5]}, "url_patterns must hold regular expressions, got 5"),
        ({"url_patterns": ["/plain/"]}, "url_patterns must hold text with named groups"),
        ({"url_patterns": [b"(?P<a>b)"]}, "url_patterns must hold text with named groups"),
        ({"anonymize_ip": "no"}, "anonymize_ip must be true or false, got 'no'"),
    ],
)
def test_a_bad_option_is_explained(options, expected):
    """When the program starts."""
    with pytest.raises(ImproperlyConfigured) as raised:
        RequestContext(**options)

    assert str(raised.value).startswith("RequestContext: ")
    assert expected in str(raised.value)


def test_its_repr_shows_what_it_adds():
    """For an operator who looks at a list of processors."""
    assert repr(RequestContext(fields=["ip"])) == "<RequestContext fields=('ip',) url_patterns=0>"


def test_a_group_of_a_pattern_may_not_be_called_as_a_fact():
    """Nobody could tell which of the two is in the event."""
    pattern = r"/u/(?P<username>\w+)"
    with pytest.raises(ImproperlyConfigured, match=r"must not name a group 'username', got '/u/"):
        RequestContext(url_patterns=[pattern])

    assert context(
        RequestContext(fields=["ip"], url_patterns=[pattern]), {**ENVIRON, "PATH_INFO": "/u/ana"}
    ) == {
        "ip": "203.0.113.9",
        "username": "ana",
    }
