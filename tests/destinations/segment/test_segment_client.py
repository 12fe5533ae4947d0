"""Segment's own client: events become calls of a client that the application configured."""

import importlib
import subprocess
import sys
from unittest import mock

import pytest
from segment_cases import (
    BROWSER_FACTS,
    CONTEXTS,
    FACTS,
    REFERRERS,
    SEGMENT_CONTEXT,
    STAMP,
    WITHOUT_IDENTITY,
    event,
    statistics,
)
from unusual_values import UNUSUAL, unusual_values

from eventtracking.backends import segment
from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.destinations.segment import installed_client
from eventtracking.event import copy_event
from eventtracking.openedx import segment as openedx_segment
from eventtracking.stats import LogThrottle
from eventtracking.testing import FakeDestinations
from eventtracking.tracker import Tracker, register_tracker


class Client:
    """A client that keeps its calls, as Segment's client does until it sends them."""

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


@pytest.mark.parametrize(("facts", "context"), CONTEXTS)
def test_an_event_is_a_call_of_track(client, facts, context):
    """The arguments are those of event-tracking: the user's id unchanged, the whole event."""
    one = event(context={"user_id": 7, **facts}, n=1)
    backend = SegmentBackend(client=client)
    backend.send(one)

    assert client.calls == [("track", (7, "a.b", one), {"context": context})]
    assert backend.stats() == statistics()


@pytest.mark.parametrize(("name", "data", "referrer"), REFERRERS)
def test_the_referrer_of_a_browser_event_is_the_one_in_its_data(client, name, data, referrer):
    """The referrer of the request is the page itself."""
    backend = SegmentBackend(client=client)
    backend.send({**event(name, {"user_id": 7, **BROWSER_FACTS}), "data": data})
    page = {"path": "/courses/x", "url": BROWSER_FACTS["page"], **referrer}

    assert client.calls[0][2] == {"context": {"page": page}}


def test_tests_of_applications_can_replace_the_client_module():
    """The tests of event-tracking do it like this."""
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


def test_the_client_module_may_be_replaced_after_the_backend_is_built():
    """It is looked up for each event."""
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
def test_an_event_of_a_visitor_without_a_user_id_has_an_anonymous_id(client, facts, anonymous_id):
    """event-tracking sent nothing for these, or failed."""
    backend = SegmentBackend(client=client)
    backend.send(event(context=facts))
    [(_, arguments, named)] = client.calls

    assert arguments[0] is None
    assert named["anonymous_id"] == anonymous_id


@pytest.mark.parametrize("facts", WITHOUT_IDENTITY)
def test_an_event_without_an_identity_is_rejected(client, caplog, facts):
    """The client would raise an exception."""
    backend = SegmentBackend(client=client)
    backend.send(event(context=facts))
    [record] = caplog.records

    assert client.calls == []
    assert backend.stats() == statistics(rejected=1)
    assert record.getMessage().endswith("rejected (no identity)")


@pytest.mark.parametrize("one", [event(None), event(""), {"context": {"user_id": 7}}])
def test_an_event_without_a_name_is_rejected(client, one):
    """Segment would drop it."""
    backend = SegmentBackend(client=client)
    backend.send(one)

    assert client.calls == []
    assert backend.stats() == statistics(rejected=1)


def test_the_client_gets_a_copy_of_the_event():
    """It keeps its arguments in a queue, and changes them."""
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


def test_an_exception_of_the_client_is_counted_once(caplog):
    """By the router, which logs a traceback, as for any backend."""
    broken = Client()
    broken.track = mock.Mock(side_effect=AssertionError("user_id must have (...)"))
    tracker = Tracker({"segment": SegmentBackend(client=broken)})
    with tracker.context("request", FACTS):
        tracker.emit("a.b")

    assert tracker.stats()["backends"]["segment"] == statistics(backend_error=1)
    assert "user_id must have" in caplog.text


@pytest.mark.parametrize("kind", UNUSUAL)
def test_data_of_any_kind_reaches_the_client(client, kind):
    """The client decides how to encode it."""
    tracker = Tracker({"segment": SegmentBackend(client=client)})
    with tracker.context("request", FACTS):
        tracker.emit("a.b", unusual_values()[kind])

    assert tracker.stats()["backends"]["segment"] == statistics()
    assert client.calls[0][2] == {"context": SEGMENT_CONTEXT}


def test_identify_page_and_track_are_calls_of_the_client(client):
    """With copies of the arguments, because the client keeps them."""
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
def test_a_call_without_an_identity_or_a_name_is_rejected(client, call):
    """It is counted like an event."""
    backend = SegmentBackend(client=client)
    call(backend)

    assert client.calls == []
    assert backend.stats() == statistics(rejected=1)


def test_calls_of_the_open_edx_platform_use_the_client(client):
    """Regardless of `LMS_SEGMENT_KEY`."""
    inner = RoutingBackend({"segment": SegmentBackend(client=client)})
    register_tracker(Tracker({"segmentio": inner}))
    openedx_segment.identify(7, {"plan": "gold"})
    openedx_segment.track(7, "a.b")

    assert [kind for kind, *_ in client.calls] == ["identify", "track"]


def test_the_client_is_neither_flushed_nor_closed(client):
    """That is up to its owner. A flush of the real client may never return."""
    client.flush = client.close = client.join = mock.Mock()
    backend = SegmentBackend(client=client)
    backend.send(event())

    assert backend.flush(0)
    assert backend.close(0)
    assert backend.close()
    assert not client.flush.called


def test_events_are_lost_while_there_is_neither_a_key_nor_a_client(monkeypatch, caplog):
    """The log says what to do. event-tracking neither counted nor logged them."""
    monkeypatch.setattr(segment, "analytics", None, raising=False)
    backend = SegmentBackend()
    backend.send(event())
    backend.send(event())
    backend.identify(7, {})
    [record] = caplog.records

    assert backend.stats()["lost"] == {"backend_error": 3}
    assert "Set write_key, or run: pip install 'eventtracking[segment]'" in record.getMessage()


WITHOUT_CLIENT = """
import sys
sys.modules["segment"] = sys.modules["analytics"] = None
from eventtracking.backends import segment
assert segment.analytics is None
backend = segment.SegmentBackend()
backend.send({"name": "a", "context": {"user_id": 7}})
print(backend.stats()["lost"])
"""


def test_the_client_is_optional():
    """The module can be imported, and the backend built, without it."""
    command = [sys.executable, "-c", WITHOUT_CLIENT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "{'backend_error': 1}\n"
    assert "neither a write_key nor a client" in done.stderr


def test_a_missing_client_is_searched_for_once_a_minute(monkeypatch, tmp_path):
    """A search for every event would slow down the application."""
    now = [0.0]
    monkeypatch.setattr(installed_client, "_MODULES", ("a_new_client",))
    monkeypatch.setattr(installed_client, "LogThrottle", lambda: LogThrottle(clock=lambda: now[0]))
    monkeypatch.syspath_prepend(tmp_path)
    backend = SegmentBackend()
    for _ in range(50):
        backend.send(event())
    (tmp_path / "a_new_client.py").write_text(
        "calls = []\ndef track(*a, **_): calls.append(a)\nidentify = track\n"
    )
    importlib.invalidate_caches()
    backend.send(event())
    now[0] = 61.0
    backend.send(event())
    module = sys.modules.pop("a_new_client")

    assert len(module.calls) == 1
    assert backend.stats() == {
        "accepted": 52,
        "sent": 1,
        "pending": 0,
        "lost": {"backend_error": 51},
    }


def test_the_module_has_no_other_dynamic_names():
    """A misspelled name is an error."""
    with pytest.raises(AttributeError, match="has no attribute 'analytix'"):
        _ = segment.analytix


@pytest.fixture
def official(monkeypatch):
    """The module of Segment's client, configured as by an application."""
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
def test_the_official_client_may_get_its_key_after_the_backend_is_built(
    official, given, key, monkeypatch, caplog
):
    """Until then the log says once what to do. The client would raise for every event."""
    module, fakes = official
    configured = module.write_key
    monkeypatch.setattr(module, "write_key", key)
    tracker = Tracker({"segment": SegmentBackend(client=module) if given else SegmentBackend()})
    with tracker.context("request", FACTS):
        tracker.emit("too.early")
        tracker.emit("too.early")
        logged = caplog.text
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
    assert "Traceback" not in logged
    assert logged.count("Set segment.analytics.write_key, or the option write_key") == 1


@pytest.mark.parametrize("given", [True, False])
def test_the_official_client_sends_valid_messages(official, given):
    """Whether it is given as an option or found."""
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
    assert first["context"] == {**SEGMENT_CONTEXT, "library": mock.ANY}
    assert (second["userId"], second["anonymousId"]) == (None, "1.2")
