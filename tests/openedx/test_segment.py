"""Direct calls to Segment, through the backend of the tracker or Segment's client."""

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
    """A client that records its calls."""

    def __init__(self):
        self.calls = []

    def track(self, user_id=None, event=None, properties=None, context=None):
        self.calls.append(("track", user_id, event, properties, context))

    def identify(self, user_id=None, traits=None, context=None):
        self.calls.append(("identify", user_id, traits, context))


class Destination(Client):
    """A backend with the methods of a client."""

    def send(self, event, /):
        """Take *event*."""


@pytest.fixture
def client(monkeypatch):
    """A client that replaces the module, with a key in the settings."""
    client = Client()
    monkeypatch.setattr(segment, "analytics", client)
    with override_settings(LMS_SEGMENT_KEY="a key"):
        yield client


def context_of(client):
    [(*_, context)] = client.calls
    return context


def test_a_call_is_passed_to_the_client(client):
    """With its arguments. Without a tracker, no context is added."""
    segment.track(7, "a.b", {"n": 1}, {"ip": "mine"})
    segment.track(7, "c")

    assert client.calls == [
        ("track", 7, "a.b", {"n": 1}, {"ip": "mine"}),
        ("track", 7, "c", {}, {}),
    ]


def test_missing_values_are_added_from_the_entered_contexts(client):
    """As Segment's context names them."""
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
def test_missing_values_are_added_from_the_request(client, processors, ip):
    """The `RequestContext` of the tracker selects the facts. Without one, all are added."""
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


def test_values_in_the_given_context_win(client):
    """Also in its mappings. The mapping of the caller is not changed."""
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


def test_a_given_page_that_is_not_a_mapping_is_kept(client):
    """It is not replaced by the page of the request."""
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
def test_the_url_of_the_page_is_known_or_composed(client, facts, page):
    """From host and path. Without any of these facts there is no page."""
    register_tracker(Tracker())
    with tracker.context("edx.request", facts):
        segment.track(7, "a.b")

    assert context_of(client).get("page") == page


def test_traits_are_added_to_the_context(client):
    """Unless they are empty."""
    segment.track(7, "a", traits={"plan": "gold"})
    segment.track(7, "b", traits={})

    assert [call[-1] for call in client.calls] == [{"traits": {"plan": "gold"}}, {}]


def test_identify_passes_on_its_arguments(client):
    """Nothing is added to the context."""
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
    """The setting enables direct calls."""
    with override_settings(LMS_SEGMENT_KEY=key):
        segment.track(7, "a")
        segment.identify(7, {})

    assert client.calls == []


def test_without_a_name_nothing_is_tracked(client):
    """An empty text is a name."""
    segment.track(7, None)
    segment.track(7, "")

    assert [name for _, _, name, *_ in client.calls] == [""]


def test_a_backend_for_segment_takes_precedence_over_the_client(client):
    """At any depth, and without the setting, because it has its own key."""
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
    """An import finder that finds clients in one folder, not an installed one."""

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
    """A folder on the import path in which a test can install clients."""
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


def test_the_client_is_found_under_its_current_and_its_old_name(no_client):
    """It is imported by the first call."""
    install(no_client / "analytics.py")
    with override_settings(LMS_SEGMENT_KEY="a key"):
        segment.track(7, "old")
        install(no_client / "segment/analytics.py")
        sys.path_importer_cache.clear()
        segment.track(7, "new")

    assert sys.modules["analytics"].calls == [(7, "old", {}, {})]
    assert sys.modules["segment.analytics"].calls == [(7, "new", {}, {})]


def test_another_module_named_analytics_is_not_used(no_client, caplog):
    """Any application may have a module with that name."""
    install(no_client / "analytics.py", "reports = []\n")
    with override_settings(LMS_SEGMENT_KEY="a key"):
        segment.track(7, "a")

    assert segment.analytics is None
    assert "no client for Segment is installed" in caplog.text


def test_a_missing_client_is_logged_once(no_client, caplog):
    """With the command that installs it. The calls are dropped and do not raise."""
    caplog.set_level(logging.WARNING)
    with override_settings(LMS_SEGMENT_KEY="a key"):
        segment.track(7, "a")
        segment.identify(7, {})

    [record] = caplog.records

    assert record.getMessage().endswith("Run: pip install segment-analytics-python")


def test_the_client_can_be_patched_by_its_name(no_client, monkeypatch):
    """Tests of applications replace `segment.analytics.track`."""
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


def test_without_django_no_call_is_sent():
    """The module and others of the package can be imported."""
    command = [sys.executable, "-c", WITHOUT_DJANGO]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)

    assert (done.stdout, done.stderr) == ("1\n", "")


def test_unknown_names_of_the_module_raise_attribute_error():
    """A misspelled name is an error."""
    with pytest.raises(AttributeError, match="has no attribute 'analytix'"):
        _ = segment.analytix
