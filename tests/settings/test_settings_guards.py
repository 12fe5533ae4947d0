"""The recommended processors, and warnings about backends without guards."""

from unittest.mock import MagicMock
from uuid import uuid4

import pytest

from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.processors.legacy import LegacyFieldMappingProcessor
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.processors.size_guard import SizeGuard
from eventtracking.settings import GUARDS, RECOMMENDED_PROCESSORS, build
from eventtracking.settings.unguarded import guard_warnings

BOTH = " sends over a network without SensitiveFieldGuard and SizeGuard: "


class Network(MemoryBackend):
    """A backend that declares that it sends over a network."""

    sends_over_network = True


class NetworkRouter(RoutingBackend):
    """A router that sends over a network itself."""

    sends_over_network = True


class OwnSizeGuard(SizeGuard):
    """A guard that an application derived."""


def guards():
    return [SensitiveFieldGuard(), SizeGuard()]


def paths(backends, processors=()):
    return [line.partition(" ")[0] for line in guard_warnings(backends, processors)]


@pytest.fixture
def tracker():
    """A tracker with the recommended processors, and the legacy one in one branch."""
    legacy = {"ENGINE": "eventtracking.processors.legacy.LegacyFieldMappingProcessor"}
    memory = {"ENGINE": "eventtracking.backends.memory.MemoryBackend"}
    router = {
        "ENGINE": "eventtracking.backends.routing.RoutingBackend",
        "OPTIONS": {"processors": [legacy], "backends": {"m": memory}},
    }
    return build(
        {
            "EVENT_TRACKING_PROCESSORS": RECOMMENDED_PROCESSORS,
            "EVENT_TRACKING_BACKENDS": {"new": memory, "old": router},
        }
    )


def test_the_recommended_processors_are_facts_secrets_and_size(tracker):
    """In this order: added facts are redacted, and truncation cannot leave half of a secret."""
    names = [type(processor).__name__ for processor in tracker.processors]
    [legacy] = tracker.get_backend("old").processors

    assert names == ["RequestContext", "SensitiveFieldGuard", "SizeGuard"]
    assert tuple(entry["ENGINE"] for entry in RECOMMENDED_PROCESSORS[1:]) == GUARDS
    assert isinstance(legacy, LegacyFieldMappingProcessor)


def test_truncation_leaves_no_half_of_a_secret(tracker):
    """A secret where the text is cut has been redacted before."""
    token = f"AKIA{uuid4().hex[:16].upper()}"
    for shift in range(0, 400, 10):
        head = "word " * 9_900 + "x" * shift
        tracker.emit("essay.submitted", {"essay": f"{head} {token} " + "word " * 9_000})

    texts = [event["data"]["essay"] for event in tracker.get_backend("new").events]
    assert {"[redacted]" in text for text in texts} == {True, False}
    assert not any(token[:8] in text for text in texts)


def test_a_network_backend_declares_itself():
    """Other backends do not count, nor does a mock, which has every attribute."""
    backends = {"n": Network(), "m": MemoryBackend(), "mock": MagicMock()}

    assert paths(backends) == ["EVENT_TRACKING_BACKENDS['n']"]


def test_each_network_backend_without_guards_has_a_warning():
    """In the order of the settings."""
    assert [BOTH in line for line in guard_warnings({"b": Network(), "a": Network()}, [])] == [
        True,
        True,
    ]


def test_the_guards_of_a_router_count_for_its_backends():
    """And for no other backends."""
    guarded = RoutingBackend({"n": Network()}, guards())
    bare = RoutingBackend({"n": Network(), "deeper": RoutingBackend({"n": Network()})})

    inner = "['OPTIONS']['backends']"
    outer = f"EVENT_TRACKING_BACKENDS['bare']{inner}"
    assert paths({"guarded": guarded, "bare": bare}) == [
        f"{outer}['deeper']{inner}['n']",
        f"{outer}['n']",
    ]


def test_guards_may_be_in_different_routers():
    """An event that passes through both routers passes both guards."""
    router = RoutingBackend({"n": Network()}, [SizeGuard()])

    assert guard_warnings({"r": router}, [SensitiveFieldGuard()]) == []
    [line] = guard_warnings({"r": router}, [])
    assert " without SensitiveFieldGuard: add " in line


def test_a_router_that_sends_runs_its_processors_first():
    """Its own guards count."""
    assert paths({"r": NetworkRouter({}, guards())}) == []
    assert paths({"r": NetworkRouter({})}) == ["EVENT_TRACKING_BACKENDS['r']"]


def test_a_subclass_of_a_guard_is_a_guard():
    """An application may need a stricter one."""
    assert guard_warnings({"n": Network()}, [SensitiveFieldGuard(), OwnSizeGuard()]) == []
