"""Visitors who opt out: anonymous and dropped events."""

import json
from pathlib import Path

import pytest
from collector_requests import FACTS, FORM, HEADERS, Site, an_event

from eventtracking.backends.datadog import DatadogLogsBackend
from eventtracking.backends.log_file import LogFileBackend
from eventtracking.backends.logger import LoggerBackend
from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.processors.request_context import RequestContext
from eventtracking.request import (
    CallbackVisitor,
    EnvironFacts,
    RequestScope,
    TrustedProxies,
    current_request,
)
from eventtracking.serialization import encode
from eventtracking.tracker import Tracker
from eventtracking.web.collector import Collector

GPC = {"sec-gpc": "1"}
DNT = {"dnt": "1"}

PERSONAL = ("ana", "203.0.113.9", "server-session", "11.22", "visitor-17", "ana@example.com")


def as_text(event):
    return encode(event).decode()


def sent(site, headers, **members):
    event = an_event(
        data={"position": 3, "user_id": "visitor-17", "deep": [{"Session-ID": "visitor-17"}]},
        context={"anonymous_id": "visitor-17", "theme": "dark", "user": {"email": PERSONAL[-1]}},
        **members,
    )
    return site.results(event, headers={**HEADERS, **headers})


@pytest.mark.parametrize(
    ("options", "signals", "mode"),
    [
        ({}, {}, "off"),
        ({}, GPC, "anonymous"),
        ({}, {"Sec-GPC": " 1 "}, "anonymous"),
        ({}, {"sec-gpc": "0"}, "off"),
        ({}, {"sec-gpc": "true"}, "off"),
        ({}, DNT, "off"),
        ({}, {**GPC, **DNT}, "anonymous"),
        ({"gpc": "off"}, GPC, "off"),
        ({"gpc": "drop"}, GPC, "drop"),
        ({"gpc": "drop"}, DNT, "off"),
        ({"dnt": "anonymous"}, DNT, "anonymous"),
        ({"dnt": "drop"}, DNT, "drop"),
        ({"dnt": "drop"}, {"dnt": "0"}, "off"),
        ({"dnt": "drop"}, {**GPC, **DNT}, "drop"),
        ({"gpc": "drop", "dnt": "anonymous"}, {**GPC, **DNT}, "drop"),
        ({"gpc": "off", "dnt": "off"}, {**GPC, **DNT}, "off"),
    ],
)
def test_each_signal_has_an_option_and_the_stricter_one_counts(options, signals, mode):
    """By default, only Global Privacy Control has an effect."""
    site = Site(**options)
    [result] = sent(site, signals)

    if mode == "drop":
        assert (result, site.events) == ("opted_out", [])
        return
    assert result == "accepted"
    revealed = [word for word in PERSONAL if word in as_text(site.events[0])]
    assert revealed == ([] if mode == "anonymous" else [*PERSONAL])


def test_an_anonymous_event_keeps_its_other_data():
    """Its position, its page, its course and its user agent."""
    site = Site()
    sent(site, GPC, page="https://shop.example/courses/a/b/c/x")
    [event] = site.events
    context = event["context"]

    assert event["data"] == {"position": 3, "deep": [{}]}
    assert context["page_context"] == {"theme": "dark"}
    assert (context["course_id"], context["agent"]) == ("a/b/c", "UA")
    assert [context[name] for name in ("user_id", "username", "ip", "session", "client_id")] == [
        None,
        "",
        "",
        "",
        None,
    ]


@pytest.mark.parametrize("signals", [{}, GPC])
@pytest.mark.parametrize("facts", [FACTS, None])
def test_the_current_request_is_a_mapping_for_every_visitor(signals, facts):
    """A processor may read it as one."""
    seen = []

    def read(_):
        request = current_request()
        seen.append((request.get("agent"), request.get("nothing", 0), "ip" in request))
        assert dict(request)["agent"] == request["agent"]
        assert len(request) == len([*request]) == len(request.keys())

    current = EnvironFacts(
        lambda: {"REMOTE_ADDR": "203.0.113.9", "HTTP_USER_AGENT": "UA"},
        visitor=CallbackVisitor(None),
        trusted_proxies=TrustedProxies(),
    )
    with RequestScope(current):
        Site(processors=[read]).send(an_event(), headers={**HEADERS, **signals}, facts=facts)

    assert seen == [("UA", 0, True)]


def test_contexts_of_the_application_are_anonymized():
    """The application does not know about the signal."""
    site = Site()
    with site.tracker.context("login", {"user_id": 7, "email": PERSONAL[-1], "tenant": "acme"}):
        sent(site, GPC)
    context = site.events[0]["context"]

    assert context["tenant"] == "acme"
    assert not any(word in as_text(site.events[0]) for word in PERSONAL)


def test_the_facts_are_those_of_the_current_request_by_default():
    """They are anonymized as facts that the caller gives."""
    facts = EnvironFacts(
        lambda: {"REMOTE_ADDR": "203.0.113.9", "HTTP_USER_AGENT": "UA"},
        visitor=CallbackVisitor(None, user=lambda _: (7, "ana")),
        trusted_proxies=TrustedProxies(),
    )
    site = Site()
    with RequestScope(facts):
        site.send(an_event(), facts=None)
        site.send(an_event(), headers={**HEADERS, **GPC}, facts=None)

    assert [
        (event["context"]["username"], event["context"]["ip"], event["context"]["agent"])
        for event in site.events
    ] == [("ana", "203.0.113.9", "UA"), ("", "", "UA")]


def test_a_signal_applies_to_one_request():
    """The next one without it has a user again."""
    site = Site()
    sent(site, GPC)
    sent(site, {})

    assert [event["context"]["username"] for event in site.events] == ["", "ana"]


def test_the_signals_apply_to_legacy_forms():
    """Their response does not change."""
    anonymous, dropping = Site(), Site(gpc="drop")
    form = {**FORM, **GPC}
    body = b"event_type=a&event=%7B%22username%22%3A%22ana%22%7D"

    assert anonymous.post(body, form).body == b"success"
    assert dropping.post(body, form).body == b"success"
    assert not any(word in as_text(anonymous.events[0]) for word in PERSONAL)
    assert anonymous.events[0]["context"]["username"] == ""
    assert (dropping.events, dropping.collector.stats()["refused"]) == ([], {"opted_out": 1})


def test_no_backend_gets_the_identity_of_an_anonymous_visitor(tmp_path, caplog, fake_destinations):
    """With five backends: files, memory and network."""
    caplog.set_level("INFO", "tracking")
    path = tmp_path / "tracking.log"
    memory = MemoryBackend()
    segment = {"write_key": "k" * 8, "host": fake_destinations.segment_host}
    datadog = {"api_key": "0" * 32, "endpoint": fake_destinations.datadog_endpoint}
    tracker = Tracker(
        {
            "datadog": DatadogLogsBackend(**datadog),
            "file": LogFileBackend(str(path)),
            "logger": LoggerBackend(name="tracking", max_event_size=None),
            "memory": memory,
            "segment": SegmentBackend(**segment),
        },
        processors=[RequestContext()],
    )
    site = Site()
    site.collector = Collector(tracker=tracker)
    sent(site, GPC)
    fake_destinations.wait_for_events(1, "datadog", timeout=300)
    tracker.close(300)

    outputs = [
        Path(path).read_text("utf-8"),
        "".join(caplog.messages),
        json.dumps([*memory.events], default=str),
        json.dumps(fake_destinations.events(), default=str),
    ]
    assert all("video.played" in output for output in outputs)
    assert [word for word in PERSONAL for output in outputs if word in output] == []


def test_addresses_can_be_anonymized_for_all_visitors():
    """By the processor that adds them, as for other events."""
    site = Site(processors=[RequestContext(anonymize_ip=True)])
    site.send(an_event(), facts=FACTS)

    assert site.events[0]["context"]["ip"] == "203.0.113.0"


@pytest.mark.parametrize("option", ["gpc", "dnt"])
@pytest.mark.parametrize("mode", ["on", "", None, True, 1])
def test_a_signal_has_one_of_three_effects(option, mode):
    """Other values are refused."""
    message = f"^Collector: {option} must be one of 'off', 'anonymous', 'drop', got "
    with pytest.raises(ImproperlyConfigured, match=message):
        Collector(**{option: mode})
