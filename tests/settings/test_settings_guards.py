"""The recommended processors, and the backends that stand behind no guard."""

from unittest.mock import MagicMock
from uuid import uuid4

import pytest

from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.processors.legacy import LegacyFieldMappingProcessor
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.processors.size_guard import SizeGuard
from eventtracking.settings import GUARDS, RECOMMENDED_PROCESSORS, build
from eventtracking.settings.unguarded import unguarded

BOTH = " sends over a network without SensitiveFieldGuard and SizeGuard: "


class Network(MemoryBackend):
    """A backend that says it sends events away."""

    sends_over_network = True


class NetworkRouter(RoutingBackend):
    """A router whose processors run here and whose backends are elsewhere."""

    sends_over_network = True


class OwnSizeGuard(SizeGuard):
    """What an application made of a guard."""


def guards():
    return [SensitiveFieldGuard(), SizeGuard()]


def paths(backends, processors=()):
    return [line.partition(" ")[0] for line in unguarded(backends, processors)]


@pytest.fixture
def tracker():
    """A tracker with the recommended processors, and the legacy one where it is wanted."""
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
    """In this order: what is added is looked at, and a cut leaves no half of a secret."""
    names = [type(processor).__name__ for processor in tracker.processors]
    [legacy] = tracker.get_backend("old").processors

    assert names == ["RequestContext", "SensitiveFieldGuard", "SizeGuard"]
    assert tuple(entry["ENGINE"] for entry in RECOMMENDED_PROCESSORS[1:]) == GUARDS
    assert isinstance(legacy, LegacyFieldMappingProcessor)


def test_a_cut_leaves_no_half_of_a_secret(tracker):
    """A secret that lies across the cut is hidden before the end of it is gone."""
    token = f"AKIA{uuid4().hex[:16].upper()}"
    for shift in range(0, 400, 10):
        head = "word " * 9_900 + "x" * shift
        tracker.emit("essay.submitted", {"essay": f"{head} {token} " + "word " * 9_000})

    texts = [event["data"]["essay"] for event in tracker.get_backend("new").events]
    assert {"[redacted]" in text for text in texts} == {True, False}
    assert not any(token[:8] in text for text in texts)


def test_a_network_backend_is_one_that_says_so():
    """Unknown ones are not, nor is a mock, which says yes to everything."""
    backends = {"n": Network(), "m": MemoryBackend(), "mock": MagicMock()}

    assert paths(backends) == ["EVENT_TRACKING_BACKENDS['n']"]


def test_each_network_backend_has_a_line():
    """In the order of the settings."""
    assert [BOTH in line for line in unguarded({"b": Network(), "a": Network()}, [])] == [
        True,
        True,
    ]


def test_the_guards_of_a_router_count_for_what_is_behind_it():
    """And for nothing beside it."""
    guarded = RoutingBackend({"n": Network()}, guards())
    bare = RoutingBackend({"n": Network(), "deeper": RoutingBackend({"n": Network()})})

    inner = "['OPTIONS']['backends']"
    outer = f"EVENT_TRACKING_BACKENDS['bare']{inner}"
    assert paths({"guarded": guarded, "bare": bare}) == [
        f"{outer}['deeper']{inner}['n']",
        f"{outer}['n']",
    ]


def test_guards_may_stand_at_different_routers():
    """An event that passes both is guarded by both."""
    router = RoutingBackend({"n": Network()}, [SizeGuard()])

    assert unguarded({"r": router}, [SensitiveFieldGuard()]) == []
    [line] = unguarded({"r": router}, [])
    assert " without SensitiveFieldGuard: add " in line


def test_a_router_that_sends_runs_its_processors_first():
    """Its own guards count for itself."""
    assert paths({"r": NetworkRouter({}, guards())}) == []
    assert paths({"r": NetworkRouter({})}) == ["EVENT_TRACKING_BACKENDS['r']"]


def test_a_guard_that_an_application_derived_is_a_guard():
    """It may be stricter."""
    assert unguarded({"n": Network()}, [SensitiveFieldGuard(), OwnSizeGuard()]) == []
