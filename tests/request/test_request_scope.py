"""The current request in threads, tasks and streams."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventtracking.request import (
    CallbackVisitor,
    EnvironFacts,
    RequestScope,
    TrustedProxies,
    current_request,
)


def facts(path):
    return EnvironFacts(
        lambda: {"PATH_INFO": path},
        visitor=CallbackVisitor(None),
        trusted_proxies=TrustedProxies(),
    )


def current_path():
    current = current_request()
    return None if current is None else current["path"]


def test_there_is_a_current_request_only_within_a_scope():
    """There is none before and after it."""
    with RequestScope(facts("/a")):
        assert current_path() == "/a"

    assert current_path() is None


def test_an_error_ends_a_scope():
    """The error is not caught."""
    with pytest.raises(ZeroDivisionError), RequestScope(facts("/a")):
        1 / 0  # noqa: B018

    assert current_path() is None


def test_scopes_nest():
    """For example, a WSGI middleware around that of Django, which knows the user."""
    with RequestScope(facts("/outer")):
        with RequestScope(facts("/inner")):
            assert current_path() == "/inner"
        assert current_path() == "/outer"


def test_a_thread_does_not_know_the_request_of_another():
    """Neither a new thread nor a call in an executor has a current request."""
    with RequestScope(facts("/a")), ThreadPoolExecutor(1) as executor:
        assert executor.submit(current_path).result() is None


def test_a_request_can_be_handed_to_a_thread():
    """For the duration of a scope in that thread."""

    def work(request):
        with RequestScope(request):
            seen.append(current_path())
        seen.append(current_path())

    seen = []
    with RequestScope(facts("/a")):
        thread = threading.Thread(target=work, args=(current_request(),))
    thread.start()
    thread.join()

    assert seen == ["/a", None]


def test_concurrent_tasks_know_their_own_requests():
    """So do the tasks and threads that they start."""

    async def serve(path):
        with RequestScope(facts(path)):
            await asyncio.sleep(0)
            found = await asyncio.gather(task(), asyncio.to_thread(current_path))
            return [current_path(), *found]

    async def task():
        await asyncio.sleep(0)
        return current_path()

    async def main():
        return await asyncio.gather(*(serve(f"/{number}") for number in range(50)))

    assert asyncio.run(main()) == [[f"/{number}"] * 3 for number in range(50)]


def test_a_task_that_outlives_its_request_has_none():
    """A worker that a request started must not attribute later events to that request."""

    async def main():
        released = asyncio.Event()
        with RequestScope(facts("/first")):
            task = asyncio.create_task(worker(released))
            await asyncio.sleep(0)
        with RequestScope(facts("/second")):
            released.set()
            return await task

    async def worker(released):
        before = current_path()
        await released.wait()
        return before, current_path()

    assert asyncio.run(main()) == ("/first", None)


def test_a_scope_may_end_in_another_context_than_it_began_in():
    """A server may close a body in any context, without an error or a leftover."""
    scope = RequestScope(facts("/a"))
    beginning = contextvars.copy_context()
    beginning.run(scope.__enter__)
    assert beginning.run(current_path) == "/a"

    contextvars.copy_context().run(scope.__exit__, None, None, None)

    assert beginning.run(current_path) is None
    assert current_path() is None


def test_a_scope_that_stays_open_is_known_to_its_tasks():
    """A task that produces a stream knows the request after the view returned."""
    scope = RequestScope(facts("/a"))
    with scope:
        scope.stays_open = True
        task = contextvars.copy_context()
    assert (current_path(), task.run(current_path)) == (None, "/a")
    scope.stays_open = False
    with scope:
        assert current_path() == "/a"

    assert (current_path(), task.run(current_path)) == (None, None)


def test_a_scope_may_be_entered_twice():
    """For example, if a body is closed while it produces a chunk."""
    scope = RequestScope(facts("/a"))
    with scope:
        scope.stays_open = True
        with scope:
            assert current_path() == "/a"

    assert current_path() is None


def test_leftover_scopes_do_not_accumulate():
    """A thread that serves many requests keeps none of them in memory."""

    def leave_open():
        scope = RequestScope(facts("/a"))
        scope.__enter__()
        contextvars.Context().run(scope.__exit__, None, None, None)
        return scope

    first, second = leave_open(), leave_open()

    assert (first.outer, second.outer, current_path()) == (None, None, None)
