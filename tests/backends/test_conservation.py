"""Conservation: in any tree of routers, every event is counted exactly once."""

import logging

import pytest
from core_fakes import balance, in_threads, new_event
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import EventEmissionExit, EventLost, NoBackendEnabled
from eventtracking.stats import LOSS_REASONS, Counters
from eventtracking.tracker import Tracker

ERRORS = [OSError, NoBackendEnabled, EventEmissionExit, lambda: EventLost("rejected"), SystemExit]


class Scripted:
    """Return or raise the next result of a list for each event, over and over."""

    def __init__(self, results):
        self.results = results
        self.number = 0

    def next_result(self):
        result = self.results[self.number % len(self.results)]
        self.number += 1
        if callable(result):
            raise result()
        return result


class Processor(Scripted):
    def __init__(self, results, fails_closed):
        super().__init__(results)
        self.fails_closed = fails_closed

    def __call__(self, event):
        return self.next_result()


class Backend(Scripted):
    def __init__(self, results, read_only):
        super().__init__(results)
        self.read_only = read_only

    def send(self, event):
        self.next_result()


class CountingBackend(Backend):
    """Has its own statistics. A result that is text is the reason of a loss."""

    def __init__(self, results, read_only):
        super().__init__(results, read_only)
        self.counters = Counters()
        self.waiting = 0

    def send(self, event):
        result = self.next_result()
        next(self.counters.accepted)
        if result == "wait":
            self.waiting += 1
        elif result:
            self.counters.lose(result)
        else:
            next(self.counters.sent)

    def stats(self):
        return self.counters.stats(pending=self.waiting)


def drop():
    return EventEmissionExit()


def lose():
    return EventEmissionExit("too_large")


REPLACEMENTS = [None, {}, False, [], {"name": "other", "data": [[]]}, new_event()]

processors = st.builds(
    Processor,
    st.lists(st.sampled_from([*REPLACEMENTS, drop, lose, *ERRORS]), min_size=1, max_size=4),
    st.booleans(),
)
backends = (
    st.builds(
        Backend,
        st.lists(st.sampled_from([None, *ERRORS]), min_size=1, max_size=4),
        st.booleans(),
    )
    | st.builds(
        CountingBackend,
        st.lists(st.sampled_from([None, "wait", *LOSS_REASONS, *ERRORS]), min_size=1, max_size=4),
        st.booleans(),
    )
    | st.builds(MemoryBackend, max_events=st.integers(1, 3))
)
trees = st.recursive(
    backends,
    lambda inner: st.builds(
        RoutingBackend,
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.lists(processors, max_size=2),
    ),
    max_leaves=8,
)


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def check(stats, passed_on=None):
    """Check that *stats* and those of all branches balance, and that no event is lost between."""
    assert balance(stats) == 0
    assert min(stats["accepted"], stats["sent"], stats["pending"], *stats["lost"].values()) >= 0
    if passed_on is not None:
        assert stats["accepted"] == passed_on
    for branch in stats.get("backends", {}).values():
        check(branch, stats["sent"])


@given(
    st.dictionaries(st.text(max_size=2), trees, max_size=3),
    st.lists(processors, max_size=2),
    st.integers(1, 12),
)
@hypothesis_settings(max_examples=300)
def test_every_router_and_backend_of_any_tree_counts_every_event_once(branches, chain, events):
    """As sent, waiting, filtered, or lost for a reason."""
    tracker = Tracker(branches, processors=chain)
    for _ in range(events):
        try:
            tracker.emit("a", {"list": [1]})
        except SystemExit:
            continue
    stats = tracker.stats()

    check(tracker.routing_backend.stats(), None)
    assert stats["emitted"] == events
    assert stats["backends"] == tracker.routing_backend.stats()["backends"]


@given(st.dictionaries(st.text(max_size=2), trees, max_size=3), st.lists(processors, max_size=2))
@hypothesis_settings(max_examples=25)
def test_every_event_of_many_threads_is_counted_once(branches, chain):
    """Once the threads have ended."""
    tracker = Tracker(branches, processors=chain)

    def emit():
        for _ in range(50):
            try:
                tracker.emit("a", {"list": [1]})
            except SystemExit:
                continue

    in_threads([emit] * 4)

    assert tracker.stats()["emitted"] == 200
    assert balance(tracker.routing_backend.stats()) == 0
