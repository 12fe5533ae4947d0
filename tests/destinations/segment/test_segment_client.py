"""Events that go to Segment through a client that the application has configured."""

import importlib
import subprocess
import sys
from unittest import mock

import pytest
from segment_cases import (
    FACTS,
    MAPPING,
    NOBODY,
    REFERRERS,
    SEGMENTS_WORDS,
    STAMP,
    TOLD,
    books,
    event,
)
from unusual_values import UNUSUAL, unusual_values

from eventtracking.backends import segment
from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.destinations.segment import installed
from eventtracking.event import copy_event
from eventtracking.openedx import segment as openedx_segment
from eventtracking.stats import LogThrottle
from eventtracking.testing import FakeDestinations
from eventtracking.tracker import Tracker, register_tracker


class Client:
    """Keeps what it is called with, as Segment's client does until it sends it."""

    def __init__(self):
        self.calls = []

    def track(self, *arguments, **named):
        self.calls.append(("track", arguments, named))

    def identify(self, *arguments, **named):
        self.calls.append(("identify", arguments, named))

    def page(self, *arguments, **named):
        self.calls.append(("page", arguments, named))


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize(("facts", "words"), MAPPING)
def test_an_event_is_a_call_of_track(client, facts, words):
    """To the letter as event-tracking calls it: the user as he is, the whole event."""
    one = event(context={"user_id": 7, **facts}, n=1)
    backend = SegmentBackend(client=client)
    backend.send(one)

    assert client.calls == [("track", (7, "a.b", one), {"context": words})]
    assert backend.stats() == books()


@pytest.mark.parametrize(("name", "data", "referrer"), REFERRERS)
def test_the_referrer_of_an_event_of_a_page_is_what_the_page_said(client, name, data, referrer):
    """That of the request is the page itself."""
    backend = SegmentBackend(client=client)
    backend.send({**event(name, {"user_id": 7, **TOLD}), "data": data})
    page = {"path": "/courses/x", "url": TOLD["page"], **referrer}

    assert client.calls[0][2] == {"context": {"page": page}}


def test_the_module_is_a_name_that_tests_replace():
    """The tests of event-tracking do."""
    with mock.patch("eventtracking.backends.segment.analytics") as analytics:
        backend = SegmentBackend()
        backend.send(event(mock.sentinel.name, {"user_id": mock.sentinel.user_id}))

    analytics.track.assert_called_once_with(
        mock.sentinel.user_id,
        mock.sentinel.name,
        {
            "name": mock.sentinel.name,
            "timestamp": STAMP,
            "data": {},
            "context": {"user_id": mock.sentinel.user_id},
        },
        context={},
    )


def test_the_module_may_be_replaced_after_the_backend_was_built():
    """It is looked for when an event needs it."""
    backend = SegmentBackend()
    with mock.patch("eventtracking.backends.segment.analytics") as analytics:
        backend.send(event())

    assert analytics.track.call_count == 1


@pytest.mark.parametrize(
    ("facts", "anonymous_id"),
    [
        ({"anonymous_id": "a", "client_id": "c"}, "a"),
        ({"user_id": "", "client_id": "1.2"}, "1.2"),
        ({"user_id": None, "anonymous_id": 5}, "5"),
    ],
)
def test_an_event_of_an_anonymous_visitor_names_him(client, facts, anonymous_id):
    """Where event-tracking sent nothing, or failed."""
    backend = SegmentBackend(client=client)
    backend.send(event(context=facts))
    [(_, arguments, named)] = client.calls

    assert arguments[0] is None
    assert named["anonymous_id"] == anonymous_id


@pytest.mark.parametrize("facts", NOBODY)
def test_an_event_about_nobody_is_counted(client, caplog, facts):
    """The client would raise."""
    backend = SegmentBackend(client=client)
    backend.send(event(context=facts))
    [record] = caplog.records

    assert client.calls == []
    assert backend.stats() == books(rejected=1)
    assert record.getMessage().endswith("rejected (no identity)")


@pytest.mark.parametrize("one", [event(None), event(""), {"context": {"user_id": 7}}])
def test_an_event_without_a_name_is_counted(client, one):
    """Likewise."""
    backend = SegmentBackend(client=client)
    backend.send(one)

    assert client.calls == []
    assert backend.stats() == books(rejected=1)


def test_what_the_client_does_with_an_event_concerns_nobody_else():
    """It queues what it is given, and writes into it."""
    calls = []

    class Writer(Client):
        def track(self, user_id, name, properties, context):
            context["library"] = "mine"
            properties["data"]["list"].append("mine")
            properties["context"]["ip"] = "mine"
            calls.append(name)

    one = event(context={**FACTS}, list=[1])
    before = copy_event(one)
    memory = MemoryBackend()
    tracker = Tracker({"a segment": SegmentBackend(client=Writer()), "memory": memory})
    tracker.routing_backend.send(one)

    assert calls == ["a.b"]
    assert one == memory.events[0] == before


def test_what_the_client_raises_is_counted_once(caplog):
    """By the router, with a traceback, as for any backend."""
    broken = Client()
    broken.track = mock.Mock(side_effect=AssertionError("user_id must have (...)"))
    tracker = Tracker({"segment": SegmentBackend(client=broken)})
    with tracker.context("request", FACTS):
        tracker.emit("a.b")

    assert tracker.stats()["backends"]["segment"] == books(backend_error=1)
    assert "user_id must have" in caplog.text


@pytest.mark.parametrize("kind", UNUSUAL)
def test_strange_data_reaches_the_client(client, kind):
    """What it makes of it is its own affair."""
    tracker = Tracker({"segment": SegmentBackend(client=client)})
    with tracker.context("request", FACTS):
        tracker.emit("a.b", unusual_values()[kind])

    assert tracker.stats()["backends"]["segment"] == books()
    assert client.calls[0][2] == {"context": SEGMENTS_WORDS}


def test_identify_page_and_track_are_calls_of_the_client(client):
    """With copies, for it keeps them."""
    traits = {"plan": "gold", "list": []}
    backend = SegmentBackend(client=client)
    backend.identify(7, traits, {"ip": "i"})
    backend.page(7, "Docs", "Start", {"url": "u"})
    backend.page(None, anonymous_id="visitor")
    backend.track(7, "a.b", {"n": 1})

    assert client.calls == [
        ("identify", (7, traits, {"ip": "i"}), {}),
        ("page", (7, "Docs", "Start", {"url": "u"}, {}), {}),
        ("page", (None, None, None, {}, {}), {"anonymous_id": "visitor"}),
        ("track", (7, "a.b", {"n": 1}, {}), {}),
    ]
    assert client.calls[0][1][1]["list"] is not traits["list"]
    assert backend.stats()["sent"] == 4


@pytest.mark.parametrize(
    "call",
    [
        lambda backend: backend.identify(None, {"plan": "gold"}),
        lambda backend: backend.page(""),
        lambda backend: backend.track(7, ""),
    ],
)
def test_a_call_about_nobody_or_nothing_is_counted(client, call):
    """As such an event is."""
    backend = SegmentBackend(client=client)
    call(backend)

    assert client.calls == []
    assert backend.stats() == books(rejected=1)


def test_calls_of_the_open_edx_platform_take_this_way(client):
    """Whatever `LMS_SEGMENT_KEY` says."""
    inner = RoutingBackend({"segment": SegmentBackend(client=client)})
    register_tracker(Tracker({"segmentio": inner}))
    openedx_segment.identify(7, {"plan": "gold"})
    openedx_segment.track(7, "a.b")

    assert [kind for kind, *_ in client.calls] == ["identify", "track"]


def test_the_client_is_left_alone_at_the_end(client):
    """Its owner flushes it: with the real one, that may take for ever."""
    client.flush = client.close = client.join = mock.Mock()
    backend = SegmentBackend(client=client)
    backend.send(event())

    assert backend.flush(0)
    assert backend.close(0)
    assert backend.close()
    assert not client.flush.called


def test_without_a_key_and_without_a_client_every_event_is_counted_and_the_cure_is_said(
    monkeypatch, caplog
):
    """event-tracking said nothing, and counted nothing."""
    monkeypatch.setattr(segment, "analytics", None, raising=False)
    backend = SegmentBackend()
    backend.send(event())
    backend.send(event())
    backend.identify(7, {})
    [record] = caplog.records

    assert backend.stats()["lost"] == {"backend_error": 3}
    assert "Set write_key, or run: pip install 'eventtracking[segment]'" in record.getMessage()


ALONE = """
import sys
sys.modules["segment"] = sys.modules["analytics"] = None
from eventtracking.destinations.segment import installed
from eventtracking.backends import segment
assert segment.analytics is None
backend = segment.SegmentBackend()
backend.send({"name": "a", "context": {"user_id": 7}})
print(backend.stats()["lost"])
"""


def test_the_client_is_optional():
    """Importing and building need none."""
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "{'backend_error': 1}\n"
    assert "neither a write_key nor a client" in done.stderr


def test_a_client_that_is_not_there_is_not_looked_for_at_each_event(monkeypatch, tmp_path):
    """That would make every emit of the application slow. One that appears is found."""
    now = [0.0]
    monkeypatch.setattr(installed, "_MODULES", ("a_client_to_come",))
    monkeypatch.setattr(installed, "LogThrottle", lambda: LogThrottle(clock=lambda: now[0]))
    monkeypatch.syspath_prepend(tmp_path)
    backend = SegmentBackend()
    for _ in range(50):
        backend.send(event())
    (tmp_path / "a_client_to_come.py").write_text(
        "calls = []\ndef track(*a, **_): calls.append(a)\nidentify = track\n"
    )
    importlib.invalidate_caches()
    backend.send(event())
    now[0] = 61.0
    backend.send(event())
    module = sys.modules.pop("a_client_to_come")

    assert len(module.calls) == 1
    assert backend.stats() == {
        "accepted": 52,
        "sent": 1,
        "pending": 0,
        "lost": {"backend_error": 51},
    }


def test_no_other_name_is_made_up():
    """A misspelt one is an error."""
    with pytest.raises(AttributeError, match="has no attribute 'analytix'"):
        _ = segment.analytix


@pytest.fixture
def official(monkeypatch):
    """Segment's own client, its module as the application configures it."""
    module = pytest.importorskip("segment.analytics")
    with FakeDestinations() as fakes:
        monkeypatch.setattr(module, "write_key", "a" + "key")
        monkeypatch.setattr(module, "host", fakes.segment_host)
        monkeypatch.setattr(module, "default_client", None)
        yield module, fakes
        module.shutdown()
        importlib.import_module("atexit").unregister(module.default_client.join)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("key", [None, ""])
def test_the_official_client_may_get_its_key_after_the_backend_and_until_then_the_cure_is_said(
    official, given, key, monkeypatch, caplog
):
    """Once, as of any client that is missing; the client itself would raise at each event."""
    module, fakes = official
    configured = module.write_key
    monkeypatch.setattr(module, "write_key", key)
    tracker = Tracker({"segment": SegmentBackend(client=module) if given else SegmentBackend()})
    with tracker.context("request", FACTS):
        tracker.emit("too.early")
        tracker.emit("too.early")
        said = caplog.text
        monkeypatch.setattr(module, "write_key", configured)
        tracker.emit("in.time")
    module.flush()

    assert [each["name"] for each in fakes.wait_for_events(1, "segment", timeout=60)] == ["in.time"]
    assert tracker.stats()["backends"]["segment"] == {
        "accepted": 3,
        "sent": 1,
        "pending": 0,
        "lost": {"backend_error": 2},
    }
    assert "Traceback" not in said
    assert said.count("Set segment.analytics.write_key, or the option write_key") == 1


@pytest.mark.parametrize("given", [True, False])
def test_the_official_client_sends_what_segment_takes(official, given):
    """Given as an option, or found."""
    module, fakes = official
    backend = SegmentBackend(client=module) if given else SegmentBackend()
    backend.send(event(context=FACTS, n=1))
    backend.send(event(context={"client_id": "1.2"}))
    backend.identify(7, {"plan": "gold"})
    backend.page(7, "Docs")
    backend.page(None, anonymous_id="visitor")
    backend.track(7, "c")
    module.flush()
    events = fakes.wait_for_events(6, "segment")
    first, second, *_ = [each["payload"] for each in events]

    assert [(each["good"], each["reasons"]) for each in events] == [(True, [])] * 6
    assert (first["userId"], first["event"]) == ("7", "a.b")
    assert first["properties"]["data"] == {"n": 1}
    assert first["context"] == {**SEGMENTS_WORDS, "library": mock.ANY}
    assert (second["userId"], second["anonymousId"]) == (None, "1.2")
