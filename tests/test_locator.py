"""Contexts of tasks and threads: each task sees only its own."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from core_fakes import RecordingBackend, in_threads

from eventtracking.locator import (
    ContextVarLocator,
    DefaultContextLocator,
    EnteredContexts,
    ThreadLocalContextLocator,
    merge,
)
from eventtracking.tracker import Tracker


@pytest.fixture
def tracker():
    return Tracker({"kept": RecordingBackend()})


def users(tracker):
    """Return the user in the data and the user in the context of each recorded event."""
    events = tracker.get_backend("kept").events
    return [(event["data"]["user"], event["context"].get("user")) for event in events]


def test_the_default_locator_of_a_tracker_follows_tasks_and_threads(tracker):
    """The default is right in every kind of program."""
    assert type(tracker.context_locator) is ContextVarLocator


def test_fifty_concurrent_tasks_each_have_their_own_context(tracker):
    """The tasks share one thread and one context name, and all of them wait inside the block."""

    async def visit(user, barrier):
        with tracker.context("request", {"user": user}):
            await barrier.wait()
            for _ in range(5):
                tracker.emit("page.viewed", {"user": user})
                await asyncio.sleep(0)
        tracker.emit("page.left", {"user": None})

    async def main():
        barrier = asyncio.Barrier(50)
        await asyncio.gather(*(visit(user, barrier) for user in range(1, 51)))

    asyncio.run(main())
    seen = users(tracker)

    assert len(seen) == 50 * 6
    assert [pair for pair in seen if pair[0] != pair[1]] == []


def test_fifty_threads_each_have_their_own_context(tracker):
    """All threads are inside a block of the same name at once."""
    barrier = threading.Barrier(50)

    def visit(user):
        with tracker.context("request", {"user": user}):
            barrier.wait(60)
            for _ in range(20):
                tracker.emit("page.viewed", {"user": user})

    in_threads([lambda user=user: visit(user) for user in range(50)])
    seen = users(tracker)

    assert len(seen) == 50 * 20
    assert [pair for pair in seen if pair[0] != pair[1]] == []


def test_a_new_thread_starts_without_contexts(tracker):
    """Its events do not belong to the request that started it."""
    inherited = []
    with tracker.context("request", {"user": 1}):
        in_threads([lambda: inherited.append(tracker.resolve_context())])

    assert inherited == [{}]


def test_a_call_in_an_executor_sees_no_other_context(tracker):
    """It sees neither the context of the code that submitted it nor that of an earlier call."""

    def call(user):
        before = tracker.resolve_context()
        with tracker.context("request", {"user": user}):
            tracker.emit("done", {"user": user})
        return before

    with ThreadPoolExecutor(max_workers=2) as pool, tracker.context("request", {"user": "main"}):
        before = list(pool.map(call, range(50)))

    assert before == [{}] * 50
    assert [pair for pair in users(tracker) if pair[0] != pair[1]] == []


def test_a_context_can_be_passed_to_an_executor(tracker):
    """`contextvars.copy_context().run` passes it, as for any other context variable."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        with tracker.context("request", {"user": 1}):
            copied = contextvars.copy_context()
        inside = pool.submit(copied.run, tracker.resolve_context).result(60)
        outside = pool.submit(tracker.resolve_context).result(60)

    assert (inside, outside) == ({"user": 1}, {})


def test_a_task_inherits_contexts_and_changes_only_its_own(tracker):
    """Its parent and its siblings do not see the contexts that it enters or leaves."""

    async def child(user):
        inherited = tracker.resolve_context()
        tracker.enter_context("request", {"user": user})
        await asyncio.sleep(0)
        own = tracker.resolve_context()
        tracker.exit_context("request")
        return inherited, own

    async def main():
        tracker.enter_context("request", {"user": "parent"})
        results = await asyncio.gather(child(1), child(2))
        return results, tracker.resolve_context()

    results, after = asyncio.run(main())

    assert results == [({"user": "parent"}, {"user": user}) for user in (1, 2)]
    assert after == {"user": "parent"}


def test_to_thread_inherits_contexts_and_changes_only_its_own(tracker):
    """`asyncio.to_thread` copies the contexts of the task to the thread."""

    def work():
        inherited = tracker.resolve_context()
        tracker.enter_context("request", {"user": "thread"})
        return inherited

    async def visit(user):
        with tracker.context("request", {"user": user}):
            inherited = await asyncio.to_thread(work)
            return user, inherited["user"], tracker.resolve_context()["user"]

    async def main():
        return await asyncio.gather(*(visit(user) for user in range(50)))

    assert asyncio.run(main()) == [(user, user, user) for user in range(50)]


def test_the_contexts_are_a_mutable_mapping():
    """Applications read and change them through `located_context`."""
    contexts = ContextVarLocator().get()
    contexts["a"] = {"k": 1}
    contexts["b"] = {"k": 2}
    contexts["a"] = {"k": 3}

    assert dict(contexts) == {"a": {"k": 3}, "b": {"k": 2}}
    assert list(contexts) == ["a", "b"]
    assert len(contexts) == 2
    assert "a" in contexts
    assert repr(contexts) == "<TaskContexts {'a': {'k': 3}, 'b': {'k': 2}}>"


def test_deleting_a_context_that_is_not_entered_is_a_key_error():
    """The mapping behaves like a dict, and the other contexts stay."""
    contexts = ContextVarLocator().get()
    contexts["a"] = {}
    with pytest.raises(KeyError):
        del contexts["b"]

    assert list(contexts) == ["a"]


def test_two_locators_share_nothing():
    """Each tracker has its own locator."""
    one, other = ContextVarLocator(), ContextVarLocator()
    one.get()["a"] = {}

    assert dict(other.get()) == {}


def test_merged_contexts_are_a_new_dict_in_which_later_contexts_win():
    """They are merged once for all events emitted under the same contexts."""
    contexts = {"a": {"k": 1, "x": [1]}, "b": {"k": 2}}

    assert merge(contexts) == {"k": 2, "x": [1]}
    assert EnteredContexts(contexts).merged == merge(contexts)
    assert merge({}) == {}


def test_a_thread_local_locator_keeps_contexts_per_thread():
    """`asyncio.to_thread` starts without contexts, and the event loop's thread keeps its own."""
    tracker = Tracker(context_locator=ThreadLocalContextLocator())

    async def main():
        tracker.enter_context("request", {"user": 1})
        return await asyncio.create_task(asyncio.to_thread(tracker.resolve_context))

    assert asyncio.run(main()) == {}
    assert tracker.resolve_context() == {"user": 1}


def test_threads_may_change_a_shared_locator_while_others_emit():
    """No event is lost, although an event may carry the contexts of another thread."""
    tracker = Tracker({}, DefaultContextLocator())
    done = threading.Event()

    def enter_and_leave(name):
        while not done.is_set():
            with tracker.context(name, {"k": name}):
                pass

    def emit_often():
        try:
            for _ in range(3000):
                tracker.emit("a")
        finally:
            done.set()

    in_threads([emit_often, *(lambda n=n: enter_and_leave(f"c{n}") for n in range(4))])
    stats = tracker.stats()

    assert (stats["emitted"], stats["lost"]) == (3000, {})
