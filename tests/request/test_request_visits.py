"""Which request is the current one, in threads, tasks and streams."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventtracking.request import AskedVisitor, RequestFacts, TrustedProxies, Visit, current_request


def facts(path):
    return RequestFacts(
        lambda: {"PATH_INFO": path},
        visitor=AskedVisitor(None, session=None, user=None),
        trusted_proxies=TrustedProxies(),
    )


def here():
    current = current_request()
    return None if current is None else current["path"]


def test_there_is_a_current_request_only_within_a_visit():
    """Before and after there is none."""
    with Visit(facts("/a")):
        assert here() == "/a"

    assert here() is None


def test_an_error_ends_a_visit_too():
    """It passes through."""
    with pytest.raises(ZeroDivisionError), Visit(facts("/a")):
        1 / 0  # noqa: B018

    assert here() is None


def test_visits_nest():
    """A WSGI middleware around a Django one: the inner one knows more."""
    with Visit(facts("/outer")):
        with Visit(facts("/inner")):
            assert here() == "/inner"
        assert here() == "/outer"


def test_threads_know_nothing_of_each_others_requests():
    """A new thread, and a call through an executor, works for no request."""
    with Visit(facts("/a")), ThreadPoolExecutor(1) as executor:
        assert executor.submit(here).result() is None


def test_a_request_can_be_taken_along_into_a_thread():
    """On purpose, and for as long as one says."""

    def work(request):
        with Visit(request):
            seen.append(here())
        seen.append(here())

    seen = []
    with Visit(facts("/a")):
        thread = threading.Thread(target=work, args=(current_request(),))
    thread.start()
    thread.join()

    assert seen == ["/a", None]


def test_concurrent_tasks_each_know_their_own_request():
    """So do the tasks and threads that they start."""

    async def serve(path):
        with Visit(facts(path)):
            await asyncio.sleep(0)
            found = await asyncio.gather(ask(), asyncio.to_thread(here))
            return [here(), *found]

    async def ask():
        await asyncio.sleep(0)
        return here()

    async def main():
        return await asyncio.gather(*(serve(f"/{number}") for number in range(50)))

    assert asyncio.run(main()) == [[f"/{number}"] * 3 for number in range(50)]


def test_a_task_that_outlives_its_request_works_for_none():
    """A worker that a request happened to start must not claim all later events for it."""

    async def main():
        released = asyncio.Event()
        with Visit(facts("/first")):
            task = asyncio.create_task(worker(released))
            await asyncio.sleep(0)
        with Visit(facts("/second")):
            released.set()
            return await task

    async def worker(released):
        before = here()
        await released.wait()
        return before, here()

    assert asyncio.run(main()) == ("/first", None)


def test_a_visit_may_end_in_another_context_than_it_began_in():
    """A server may close a body from anywhere; no error, and nothing stays behind."""
    visit = Visit(facts("/a"))
    beginning = contextvars.copy_context()
    beginning.run(visit.__enter__)
    assert beginning.run(here) == "/a"

    contextvars.copy_context().run(visit.__exit__, None, None, None)

    assert beginning.run(here) is None
    assert here() is None


def test_a_visit_that_goes_on_is_known_to_what_it_started():
    """A task that feeds a stream still works for the request after the view returned."""
    visit = Visit(facts("/a"))
    with visit:
        visit.goes_on = True
        task = contextvars.copy_context()
    assert (here(), task.run(here)) == (None, "/a")
    visit.goes_on = False
    with visit:
        assert here() == "/a"

    assert (here(), task.run(here)) == (None, None)


def test_entering_twice_changes_nothing():
    """A body that is closed while it produces a part, say."""
    visit = Visit(facts("/a"))
    with visit:
        visit.goes_on = True
        with visit:
            assert here() == "/a"

    assert here() is None


def test_leftover_visits_do_not_pile_up():
    """A thread that is asked to serve again and again keeps none of the requests."""

    def leave_behind():
        visit = Visit(facts("/a"))
        visit.__enter__()
        contextvars.Context().run(visit.__exit__, None, None, None)
        return visit

    first, second = leave_behind(), leave_behind()

    assert (first.outer, second.outer, here()) == (None, None, None)
