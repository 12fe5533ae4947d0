"""Compatibility: the two locators of event-tracking, per process and per thread."""

from collections import OrderedDict

import pytest
from core_fakes import in_threads

from eventtracking.locator import DefaultContextLocator, ThreadLocalContextLocator
from eventtracking.tracker import Tracker


@pytest.mark.parametrize("locator", [DefaultContextLocator, ThreadLocalContextLocator])
def test_a_locator_returns_the_same_ordered_mapping_every_time(locator):
    """A context that is put into it is found again."""
    located = locator()
    located.get()["a"] = {"k": 1}

    assert located.get() == OrderedDict(a={"k": 1})


@pytest.mark.parametrize("locator", [DefaultContextLocator, ThreadLocalContextLocator])
def test_two_locators_share_nothing(locator):
    """Each tracker has its own locator."""
    one, other = locator(), locator()
    one.get()["a"] = {}

    assert other.get() == OrderedDict()


def test_the_default_locator_is_shared_by_all_threads():
    """This makes no difference to a script with one thread."""
    locator = DefaultContextLocator()
    in_threads([lambda: locator.get().update(a={"k": 1})])

    assert locator.get() == {"a": {"k": 1}}
    assert locator.context is locator.get()


def test_the_thread_local_locator_gives_each_thread_its_own():
    """A new thread starts without contexts, and its own are not seen by other threads."""
    locator = ThreadLocalContextLocator()
    locator.get()["a"] = {"k": 1}
    inherited = []

    def child():
        inherited.append(dict(locator.get()))
        locator.get()["b"] = {}

    in_threads([child])

    assert inherited == [{}]
    assert dict(locator.get()) == {"a": {"k": 1}}


def test_the_first_callers_of_a_thread_local_locator_do_not_race():
    """Each of fifty threads finds the context that it entered itself."""
    for _ in range(20):
        locator = ThreadLocalContextLocator()

        def enter(number, locator=locator):
            locator.get()["thread"] = {"n": number}
            assert dict(locator.get()) == {"thread": {"n": number}}

        in_threads([lambda n=n: enter(n) for n in range(50)])

        assert dict(locator.get()) == {}


@pytest.mark.parametrize("locator", [DefaultContextLocator, ThreadLocalContextLocator])
def test_a_tracker_works_with_either(locator):
    """Contexts can be entered, nested and left."""
    tracker = Tracker({}, locator())
    tracker.enter_context("a", {"k": 1})
    with tracker.context("b", {"k": 2}):
        inside = tracker.resolve_context()
    outside = tracker.resolve_context()
    tracker.exit_context("a")

    assert (inside, outside, tracker.resolve_context()) == ({"k": 2}, {"k": 1}, {})
