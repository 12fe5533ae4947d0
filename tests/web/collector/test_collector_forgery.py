"""Forty attempts of a browser to forge the facts of the server."""

import json

import pytest
from collector_requests import FACTS, FORM, HEADERS, Site, an_event, encoded

from eventtracking.processors.legacy import LegacyFieldMappingProcessor
from eventtracking.processors.request_context import RequestContext

FORGED = {
    "user_id": 666,
    "username": "root",
    "session": "stolen",
    "ip": "6.6.6.6",
    "host": "evil",
    "event_source": "server",
    "received_at": "1999-01-01T00:00:00Z",
    "timestamp": "1999-01-01T00:00:00Z",
    "client_id": "6.6",
    "agent": "forged",
}

SERVER = {
    "user_id": 7,
    "username": "ana",
    "session": "server-session",
    "ip": "203.0.113.9",
    "host": "lms-1",
    "client_id": "11.22",
    "agent": "UA",
    "event_source": "browser",
}


def raw(event):
    return b'{"sent_at":"2026-01-02T03:04:05Z","events":[' + event + b"]}"


BATCHES = {
    "in the context": encoded(an_event(context=FORGED)),
    "in the event": encoded(an_event(**FORGED)),
    "in the data": encoded(an_event(data=FORGED)),
    "in data and context": encoded(an_event(data=FORGED, context={"page_context": FORGED})),
    "as a context of the context": encoded(an_event(context={"context": FORGED})),
    "in the batch": json.dumps(
        {"sent_at": "2026-01-02T03:04:05Z", "context": FORGED, **FORGED, "events": [an_event()]}
    ).encode(),
    "twice, good first": raw(b'{"name":"a","context":{"a":1},"context":{"user_id":666}}'),
    "twice, bad first": raw(b'{"name":"a","context":{"user_id":666},"context":{"a":1}}'),
    "the source twice": raw(b'{"name":"a","event_source":"browser","event_source":"server"}'),
    "a prototype": raw(
        b'{"name":"a","__proto__":{"user_id":666},"context":{"__proto__":{"ip":"6"}}}'
    ),
    "a constructor": raw(b'{"name":"a","context":{"constructor":{"prototype":{"user_id":666}}}}'),
    "python's own": raw(b'{"name":"a","context":{"__class__":"x","__dict__":{"user_id":666}}}'),
    "capitals": raw(
        b'{"name":"a","context":{"USER_ID":666,"Event_Source":"server","IP":"6.6.6.6"}}'
    ),
    "full width": encoded(an_event(context={"\uff55ser_id": 666, "\uff49p": "6.6.6.6"})),
    "Cyrillic": encoded(an_event(context={"us\u0435r_id": 666, "\u0456p": "6.6.6.6"})),
    "invisible letters": encoded(an_event(context={"user_id\u200b": 666, "\ufeffip": "6.6.6.6"})),
    "escaped": raw(b'{"name":"a","context":{"\\u0075ser_id":666,"\\u0069p":"6.6.6.6"}}'),
    "a dotted path": encoded(an_event(context={"context.user_id": 666, "context/ip": "6.6.6.6"})),
    "blanks around": encoded(an_event(context={" user_id": 666, "ip ": "6.6.6.6"})),
    "an empty key": encoded(an_event(context={"": FORGED})),
    "the id of an event": encoded(an_event(context={"event_id": "other"}, id="mine")),
    "a large number": raw(b'{"name":"a","context":{"user_id":123456789012345678901234567890}}'),
    "a page": encoded(an_event(page="https://h/?user_id=666&ip=6.6.6.6")),
}

FORMS = {
    "fields": b"event_type=a&user_id=666&username=root&ip=6.6.6.6&session=stolen&host=evil",
    "fields of the context": b"event_type=a&context=%7B%22user_id%22%3A666%7D&event_source=server",
    "data": b"event_type=a&event=%7B%22user_id%22%3A666%2C%22event_source%22%3A%22server%22%7D",
    "the source": b"event_type=a&event_source=server&received_at=1999-01-01",
    "the time": b"event_type=a&timestamp=1999-01-01T00:00:00Z&time=1999-01-01T00:00:00Z",
}

NAMES = [
    "edx.course.enrollment.activated",
    "EDX.course",
    "Edx.Course",
    "\uff45\uff44\uff58.course",
    "\u0435dx.course",
    "ed\u0445.course",
    "\u0435\u0501\u0445.course",
    "\u00e9dx.course",
    " edx.course",
    "ed x.course",
    "edx.",
    "\U0001d41e\U0001d41d\U0001d431.course",
]


def check(site):
    [event] = site.events
    context = event["context"]
    assert {name: context[name] for name in SERVER} == SERVER
    assert event["timestamp"].year > 2000
    assert not context["received_at"].startswith("1999")
    assert set(event) == {"name", "timestamp", "data", "context"}
    assert all(name.isascii() and name.islower() for name in context)


@pytest.mark.parametrize("body", BATCHES.values(), ids=BATCHES)
def test_a_batch_cannot_override_the_facts_of_the_server(body):
    """With any field, under any name."""
    site = Site()

    assert site.post(body).status == 200
    check(site)


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_a_form_cannot_override_the_facts_of_the_server(body):
    """With any field, under any name."""
    site = Site()

    assert site.post(body, FORM).status == 200
    check(site)


@pytest.mark.parametrize("name", NAMES)
def test_a_reserved_name_is_refused(name):
    """In any case and width, and in letters that look the same."""
    site = Site(reserved_prefixes=["edx.", "/admin"])

    assert site.results(an_event(name)) == ["reserved_name"]
    assert site.events == []


@pytest.mark.parametrize(
    "name",
    [
        "\u1d07\u1d05x.a",
        "\u025bdx.a",
        "\u2c89dx.a",
        "\ua4f0dx.a",
        "\u04bddx.a",
        "ed\u1541.a",
        "e\u146fx.a",
        "\uab7cdx.a",
        "edx\u0660a",
        "e\u3164dx.a",
        "\u8996\u8074",
    ],
)
def test_a_name_that_begins_in_another_alphabet_is_reserved(name):
    """If there are reserved prefixes, because no list of look-alike letters is complete."""
    assert Site(reserved_prefixes=["edx."]).results(an_event(name)) == ["reserved_name"]
    assert Site().results(an_event(name)) == ["accepted"]


@pytest.mark.parametrize(
    "name",
    [
        "edxtra.clicked",
        "shop.edx.clicked",
        "vid\u0435o.played",
        "p\u00e1gina.vista",
        "shop.\u8996\u8074",
    ],
)
def test_other_names_are_not_reserved(name):
    """A prefix counts at the beginning of a name only."""
    assert Site(reserved_prefixes=["edx."]).results(an_event(name)) == ["accepted"]


def test_there_are_forty_attempts():
    """Each of them is a test case above."""
    assert len(BATCHES) + len(FORMS) + len(NAMES) == 40


def test_a_page_cannot_override_a_context_of_the_application():
    """The context of the page is in `page_context`."""
    site = Site()
    with site.tracker.context("request", {"tenant": "acme", "event_source": "server"}):
        site.send(an_event(context={"tenant": "evil"}))
    context = site.events[0]["context"]

    assert (context["tenant"], context["event_source"]) == ("acme", "browser")
    assert context["page_context"] == {"tenant": "evil"}


def test_a_page_cannot_override_the_legacy_fields():
    """The legacy processor copies only fields of the server."""
    site = Site(processors=[RequestContext(), LegacyFieldMappingProcessor()])
    site.send(an_event(context=FORGED, data={"username": "root"}))
    [event] = site.events

    assert (event["username"], event["ip"], event["session"]) == (
        FACTS["username"],
        FACTS["ip"],
        FACTS["session"],
    )
    assert event["event_source"] == "browser"
    assert event["time"].year > 2000


def test_headers_cannot_override_the_facts():
    """The collector uses the address that the tracking middleware determined."""
    site = Site()
    headers = {
        **HEADERS,
        "x-forwarded-for": "6.6.6.6",
        "x-user": "root",
        "forwarded": "for=6.6.6.6",
    }
    site.send(an_event(), headers=headers)

    assert site.events[0]["context"]["ip"] == "203.0.113.9"
