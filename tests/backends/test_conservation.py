"""The law of conservation, for any tree of routers: every event is somewhere, exactly once."""

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


class Acting:
    """Goes through a list of acts, one an event, over and over. `None` is to do nothing."""

    def __init__(self, acts):
        self.acts = acts
        self.number = 0

    def act(self):
        act = self.acts[self.number % len(self.acts)]
        self.number += 1
        if callable(act):
            raise act()
        return act


class Processor(Acting):
    def __init__(self, acts, fails_closed):
        super().__init__(acts)
        self.fails_closed = fails_closed

    def __call__(self, event):
        return self.act()


class Backend(Acting):
    def __init__(self, acts, read_only):
        super().__init__(acts)
        self.read_only = read_only

    def send(self, event):
        self.act()


class BookingBackend(Backend):
    """Keeps books of its own; an act that is a word is a loss it reports itself."""

    def __init__(self, acts, read_only):
        super().__init__(acts, read_only)
        self.counters = Counters()
        self.waiting = 0

    def send(self, event):
        act = self.act()
        next(self.counters.accepted)
        if act == "wait":
            self.waiting += 1
        elif act:
            self.counters.lose(act)
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
        BookingBackend,
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


def check(books, passed_on=None):
    """Assert the law for *books* and all below them; each branch got what its router passed on."""
    assert balance(books) == 0
    assert min(books["accepted"], books["sent"], books["pending"], *books["lost"].values()) >= 0
    if passed_on is not None:
        assert books["accepted"] == passed_on
    for branch in books.get("backends", {}).values():
        check(branch, books["sent"])


@given(
    st.dictionaries(st.text(max_size=2), trees, max_size=3),
    st.lists(processors, max_size=2),
    st.integers(1, 12),
)
@hypothesis_settings(max_examples=300)
def test_every_event_is_accounted_for_at_every_place_of_any_tree(branches, run, events):
    """Sent, waiting, filtered or lost for a reason: nothing is missing and nothing counts twice."""
    tracker = Tracker(branches, processors=run)
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
def test_every_event_of_many_threads_is_accounted_for(branches, run):
    """The same, when it is quiet again."""
    tracker = Tracker(branches, processors=run)

    def emit():
        for _ in range(50):
            try:
                tracker.emit("a", {"list": [1]})
            except SystemExit:
                continue

    in_threads([emit] * 4)

    assert tracker.stats()["emitted"] == 200
    assert balance(tracker.routing_backend.stats()) == 0
