"""Calls that go to Segment directly: through the tracker's backend, or the client's module."""

import logging
import subprocess
import sys
from importlib.machinery import PathFinder

import pytest
from django.test import override_settings

from eventtracking import tracker
from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.openedx import segment
from eventtracking.processors.request_context import RequestContext
from eventtracking.request import CallbackVisitor, EnvironFacts, RequestScope, TrustedProxies
from eventtracking.stats import LogThrottle
from eventtracking.tracker import Tracker, register_tracker

FACTS = {
    "user_id": 7,
    "ip": "203.0.113.9",
    "agent": "UA",
    "host": "lms.example",
    "path": "/courses/x",
    "referer": "https://r/",
    "client_id": "11.22",
}

KNOWN = {
    "Google Analytics": {"clientId": "11.22"},
    "ip": "203.0.113.9",
    "userAgent": "UA",
    "page": {
        "path": "/courses/x",
        "referrer": "https://r/",
        "url": "https://lms.example/courses/x",
    },
}


class Client:
    """Has the two calls of Segment's client, and keeps what they are given."""

    def __init__(self):
        self.calls = []

    def track(self, user_id=None, event=None, properties=None, context=None):
        self.calls.append(("track", user_id, event, properties, context))

    def identify(self, user_id=None, traits=None, context=None):
        self.calls.append(("identify", user_id, traits, context))


class Destination(Client):
    """A backend of the tracker that can do both as well."""

    def send(self, event, /):
        """Take *event*."""


@pytest.fixture
def client(monkeypatch):
    """The client in the place of the module, with a key set."""
    client = Client()
    monkeypatch.setattr(segment, "analytics", client)
    with override_settings(LMS_SEGMENT_KEY="a key"):
        yield client


def context_of(client):
    [(*_, context)] = client.calls
    return context


def test_a_call_goes_to_the_client(client):
    """With what it was given, and nothing else known."""
    segment.track(7, "a.b", {"n": 1}, {"ip": "mine"})
    segment.track(7, "c")

    assert client.calls == [
        ("track", 7, "a.b", {"n": 1}, {"ip": "mine"}),
        ("track", 7, "c", {}, {}),
    ]


def test_what_the_context_leaves_out_is_filled_in(client):
    """From the contexts that are entered here."""
    register_tracker(Tracker())
    with tracker.context("edx.request", FACTS):
        segment.track(7, "a.b")

    assert context_of(client) == KNOWN


@pytest.mark.parametrize(
    ("processors", "ip"),
    [
        ([], "203.0.113.9"),
        ([RequestContext(anonymize_ip=True)], "203.0.113.0"),
        ([RequestContext(fields=["path"])], None),
    ],
)
def test_inside_a_request_it_is_filled_in_from_that(client, processors, ip):
    """As much as the tracker tells of requests, and all of it without one."""
    register_tracker(Tracker(processors=processors))
    environ = {"REMOTE_ADDR": "203.0.113.9", "PATH_INFO": "/courses/x", "HTTP_USER_AGENT": "UA"}
    visitor = CallbackVisitor(None)
    facts = EnvironFacts(lambda: environ, visitor=visitor, trusted_proxies=TrustedProxies())
    with RequestScope(facts):
        segment.track(7, "a.b")

    found = context_of(client)
    assert found["page"]["path"] == "/courses/x"
    assert found.get("ip") == ip
    assert ("userAgent" in found) == (ip is not None)


def test_a_given_context_wins_field_by_field_and_stays_the_callers(client):
    """Also within the page and Google's part."""
    given = {"ip": "mine", "page": {"path": "/mine"}, "Google Analytics": {"v": 1}, "locale": "pt"}
    before = {**given, "page": {**given["page"]}, "Google Analytics": {"v": 1}}
    register_tracker(Tracker())
    with tracker.context("edx.request", FACTS):
        segment.track(7, "a.b", context=given)

    assert context_of(client) == {
        **KNOWN,
        "ip": "mine",
        "page": {**KNOWN["page"], "path": "/mine"},
        "Google Analytics": {"v": 1, "clientId": "11.22"},
        "locale": "pt",
    }
    assert given == before


def test_a_given_page_that_is_no_mapping_stays(client):
    """Whatever it means."""
    register_tracker(Tracker())
    with tracker.context("edx.request", FACTS):
        segment.track(7, "a.b", context={"page": None, "ip": ""})

    assert (context_of(client)["page"], context_of(client)["ip"]) == (None, "")


@pytest.mark.parametrize(
    ("facts", "page"),
    [
        ({}, None),
        ({"page": "https://h/p"}, {"url": "https://h/p"}),
        ({"page": "https://h/p", "path": "/e", "host": "h"}, {"path": "/e", "url": "https://h/p"}),
        ({"path": "/e"}, {"path": "/e"}),
        ({"page": "", "path": "/e", "host": "h"}, {"path": "/e", "url": "https://h/e"}),
        ({"page": "", "path": "/e", "host": ""}, {"path": "/e", "url": ""}),
        ({"referer": "https://r/"}, {"referrer": "https://r/"}),
    ],
)
def test_the_page_is_named_or_put_together(client, facts, page):
    """From host and path, where no page is known; there is none without any of its parts."""
    register_tracker(Tracker())
    with tracker.context("edx.request", facts):
        segment.track(7, "a.b")

    assert context_of(client).get("page") == page


def test_traits_are_part_of_the_context(client):
    """If there are any."""
    segment.track(7, "a", traits={"plan": "gold"})
    segment.track(7, "b", traits={})

    assert [call[-1] for call in client.calls] == [{"traits": {"plan": "gold"}}, {}]


def test_identify_passes_on_what_it_is_given(client):
    """Nothing is filled in."""
    register_tracker(Tracker())
    with tracker.context("edx.request", FACTS):
        segment.identify(7, {"plan": "gold"}, {"ip": "mine"})
        segment.identify(7, {"plan": "gold"})

    assert client.calls == [
        ("identify", 7, {"plan": "gold"}, {"ip": "mine"}),
        ("identify", 7, {"plan": "gold"}, {}),
    ]


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_nothing_is_sent(client, key):
    """The setting is the switch."""
    with override_settings(LMS_SEGMENT_KEY=key):
        segment.track(7, "a")
        segment.identify(7, {})

    assert client.calls == []


def test_without_a_name_nothing_is_tracked(client):
    """An empty one is a name."""
    segment.track(7, None)
    segment.track(7, "")

    assert [name for _, _, name, *_ in client.calls] == [""]


def test_a_backend_for_segment_goes_before_the_client(client):
    """At any depth of the tracker, and without the setting: it has a key of its own."""
    backend = Destination()
    inner = RoutingBackend({"memory": MemoryBackend(), "segment": backend})
    register_tracker(Tracker({"a": MemoryBackend(), "segmentio": inner}))
    with override_settings(LMS_SEGMENT_KEY=None), tracker.context("edx.request", {"ip": "i"}):
        segment.track(7, "a", {"n": 1})
        segment.identify(7, {"plan": "gold"})

    assert client.calls == []
    assert backend.calls == [
        ("track", 7, "a", {"n": 1}, {"ip": "i"}),
        ("identify", 7, {"plan": "gold"}, {}),
    ]


CLIENTS = ("segment", "segment.analytics", "analytics")


class OnlyIn:
    """Finds clients in one folder, and not the one that may really be installed."""

    def __init__(self, folder):
        self._folder = str(folder)

    def find_spec(self, name, path, target=None):
        if name not in CLIENTS:
            return None
        spec = PathFinder.find_spec(name, path or [self._folder])
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


@pytest.fixture
def no_client(monkeypatch, tmp_path):
    """An import path in which a test can install clients."""
    monkeypatch.delitem(vars(segment), "analytics", raising=False)
    monkeypatch.setattr(segment, "_throttle", LogThrottle())
    for name in CLIENTS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [OnlyIn(tmp_path), *sys.meta_path])
    yield tmp_path
    for name in CLIENTS:
        sys.modules.pop(name, None)


CLIENT = (
    "calls = []\ndef track(*args): calls.append(args)\ndef identify(*args): calls.append(args)\n"
)


def install(path, text=CLIENT):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_the_client_is_found_under_its_name_of_today_and_its_old_one(no_client):
    """The first that is installed, when the first call comes."""
    install(no_client / "analytics.py")
    with override_settings(LMS_SEGMENT_KEY="a key"):
        segment.track(7, "old")
        install(no_client / "segment/analytics.py")
        sys.path_importer_cache.clear()
        segment.track(7, "new")

    assert sys.modules["analytics"].calls == [(7, "old", {}, {})]
    assert sys.modules["segment.analytics"].calls == [(7, "new", {}, {})]


def test_a_stranger_called_analytics_is_not_taken_for_the_client(no_client, caplog):
    """Any application may have a module of that name."""
    install(no_client / "analytics.py", "reports = []\n")
    with override_settings(LMS_SEGMENT_KEY="a key"):
        segment.track(7, "a")

    assert segment.analytics is None
    assert "there is no client for Segment" in caplog.text


def test_a_missing_client_is_told_of_once(no_client, caplog):
    """With the line that installs it; the calls go nowhere, and fail nobody."""
    caplog.set_level(logging.WARNING)
    with override_settings(LMS_SEGMENT_KEY="a key"):
        segment.track(7, "a")
        segment.identify(7, {})

    [record] = caplog.records

    assert record.getMessage().endswith("Run: pip install segment-analytics-python")


def test_the_name_that_applications_patch_is_the_client(no_client, monkeypatch):
    """`segment.analytics.track` is what their tests replace."""
    install(no_client / "segment/analytics.py")
    calls = []
    monkeypatch.setattr("eventtracking.openedx.segment.analytics.track", lambda *a: calls.append(a))
    with override_settings(LMS_SEGMENT_KEY="a key"):
        segment.track(7, "a")

    assert calls == [(7, "a", {}, {})]


WITHOUT_DJANGO = """
import sys, warnings
sys.modules["django"] = None
warnings.simplefilter("ignore", DeprecationWarning)
from eventtracking.openedx import correlation, segment, views
from eventtracking.testing import capture_events

segment.analytics = None
segment.track(7, "a")
with capture_events() as events:
    views.server_track(None, "a", {})
print(len(events))
"""


def test_without_django_there_is_no_setting_and_no_call():
    """The module can be imported all the same, and so can its neighbours."""
    command = [sys.executable, "-c", WITHOUT_DJANGO]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)

    assert (done.stdout, done.stderr) == ("1\n", "")


def test_no_other_name_is_made_up():
    """A misspelt one is an error."""
    with pytest.raises(AttributeError, match="has no attribute 'analytix'"):
        _ = segment.analytix
