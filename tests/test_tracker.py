"""The promises of `emit`: it never raises, loses nothing unseen, and mixes up nothing."""

import gc
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from core_fakes import (
    Clock,
    Doing,
    Keeping,
    Raising,
    Reading,
    balance,
    depth,
    drop,
    in_threads,
    nested,
    nothing,
    strictly,
)
from strange_data import STRANGE, Array, Hostile, Truthless, cycle, strange_data

from eventtracking import tracker as tracker_module
from eventtracking.backends.logger import LoggerBackend
from eventtracking.backends.memory import MemoryBackend
from eventtracking.event import CYCLE
from eventtracking.serialization import encode
from eventtracking.stats import LogThrottle
from eventtracking.tracker import Tracker, context, emit, get_tracker, register_tracker

# What loading the settings calls.
BUILD = "eventtracking.settings.building.build"


@pytest.fixture
def kept():
    return Keeping()


@pytest.fixture
def tracker(kept):
    return Tracker({"kept": kept})


@pytest.fixture
def registered(tracker):
    register_tracker(tracker)
    return tracker


@pytest.mark.parametrize("processors", [[], [nothing], [dict]])
@pytest.mark.parametrize("name", STRANGE)
def test_whatever_the_data_hold_emit_delivers_and_does_not_raise(caplog, name, processors):
    """To a backend that gets a copy, and to one that writes what it is handed."""
    kept, written = Keeping(), Reading(encode)
    tracker = Tracker({"kept": kept, "written": written}, processors=processors)
    tracker.emit("a", strange_data()[name])

    assert len(kept.events) == 1
    assert strictly(written.seen[0])["name"] == "a"
    assert tracker.stats()["lost"] == {}
    assert caplog.messages == []


@pytest.mark.parametrize("name", [Truthless(), Hostile(), Array(), [1], {"a": 1}, object()])
def test_whatever_the_name_is_emit_delivers_and_does_not_raise(tracker, kept, name):
    """It goes through as it is."""
    tracker.emit(name, Truthless())

    assert kept.events[0]["name"] is name or kept.events[0]["name"] == name


def test_emitting_leaves_the_data_as_they_were(tracker):
    """Also where a copy of them is cut."""
    data = cycle()
    deep = nested(1000)
    Tracker({"kept": Keeping()}, processors=[lambda e: e["data"].clear()]).emit("a", data)
    tracker.emit("a", {"deep": deep})

    assert data["list"][0] is data
    assert depth(deep) == 1000


def test_a_cycle_is_marked_in_what_a_backend_keeps(tracker, kept):
    """The rest is there."""
    tracker.emit("a", cycle())

    assert kept.events[0]["data"] == {"list": [CYCLE]}


@pytest.mark.parametrize("processors", [[], [nothing]])
def test_the_caller_may_change_the_data_right_after_emit(processors):
    """The event holds what they were, at every depth: also when the same dict is emitted again."""
    kept, written = Keeping(), Reading(encode)
    tracker = Tracker({"kept": kept, "written": written}, processors=processors)
    data = {"step": 0, "list": []}
    for step in range(3):
        data["step"] = step
        data["list"].append(step)
        tracker.emit("a", data)
    data.clear()
    expected = [{"step": step, "list": [*range(step + 1)]} for step in range(3)]

    assert [event["data"] for event in kept.events] == expected
    assert [strictly(line)["data"] for line in written.seen] == expected


def test_threads_may_change_the_data_while_they_are_emitted():
    """For five seconds: nothing raises, nothing is lost, and every line is whole."""
    kept, written = MemoryBackend(max_events=1), Reading(lambda e: len(strictly(encode(e))))
    tracker = Tracker({"kept": kept, "written": written}, processors=[nothing])
    data = {f"k{n}": [n, {"n": n}] for n in range(50)} | {"set": {1}, 5: (1, [2])}
    end = time.monotonic() + 5
    emitted = []

    def change():
        number = 0
        while time.monotonic() < end:
            number += 1
            data[f"new{number}"] = [number]
            data.pop(f"new{number - 1}", None)
            data["set"] ^= {number % 7}
            data["k0"].append(number)
            data["k0"].pop()

    def emit_often():
        while time.monotonic() < end:
            tracker.emit("a", data)
            emitted.append(1)

    in_threads([change, change, emit_often, emit_often])
    stats = tracker.stats()

    assert stats["emitted"] == len(emitted) == len(written.seen)
    assert stats["lost"] == {}
    assert {name: each["accepted"] for name, each in stats["backends"].items()} == {
        "kept": len(emitted),
        "written": len(emitted),
    }


AT_THE_END_OF_THE_STACK = """
import inspect, sys, threading, traceback
from eventtracking.serialization import encode
from eventtracking.tracker import Tracker

class Writing:
    read_only = True
    def send(self, event): encode(event)

def nothing(event): return None

def look():
    # A host that cannot call even this has to learn it from somebody.
    return threading.local().__dict__ or tracker._active.emits

def descend(frames):
    if frames:
        return descend(frames - 1)
    look()
    return tracker.emit("a", {"list": [[1]]})

for processors in [], [nothing]:
    tracker = Tracker({"writing": Writing()}, processors=processors)
    used = len(inspect.stack(0))
    for left in range(60):
        try:
            descend(sys.getrecursionlimit() - used - left)
        except RecursionError as error:
            names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
            assert "emit" not in names, names
    sent = tracker.stats()["backends"]["writing"]["sent"]
    tracker.emit("a")
    assert tracker.stats()["backends"]["writing"]["sent"] == sent + 1
"""


def test_emit_does_not_raise_at_the_end_of_the_stack():
    """
    A host that is about to recurse too deeply learns it from its own frames, not from ours.

    In a process of its own, since tools that trace take frames as well.
    """
    code = AT_THE_END_OF_THE_STACK
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=300, check=False
    )

    assert (run.returncode, run.stderr.decode().rpartition("Traceback")[2]) == (0, "")


BOOKS_AT_THE_END_OF_THE_STACK = """
import inspect, logging, os, sys, traceback
from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import EventEmissionExit, EventLost
from eventtracking.tracker import Tracker

logging.basicConfig(stream=open(os.devnull, "w"))
logging.raiseExceptions = False

class Counting:
    got = 0
    def send(self, event): self.got += 1

class Losing:
    def send(self, event): raise EventLost("rejected")

class Guard:
    fails_closed = True
    def __call__(self, event): raise ValueError

def nothing(event): return None

def drop(event): raise EventEmissionExit

def refuse(event): raise EventEmissionExit("too_large")

class Emitting:
    def send(self, event): tracker.emit("b")

def descend(frames):
    return descend(frames - 1) if frames else tracker.emit("a", {"list": [[1]]})

def entered(frames):
    try:
        descend(frames)
    except RecursionError as error:
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert "emit" not in names, names[-3:]
        return 0
    return 1

def check(router):
    lost = sum(router["lost"].values())
    assert router["accepted"] == router["sent"] + router["filtered"] + lost, router
    for books in router["backends"].values():
        if "filtered" in books:
            check(books)
        failed = sum(books["lost"].values())
        assert books["accepted"] == books["sent"] + books.get("filtered", 0) + failed, books
        assert books["accepted"] == router["sent"], router

cases = [
    (processors, is_closed)
    for processors in ([], [nothing], [drop], [refuse], [Guard()], [nothing, drop])
    for is_closed in (False, True)
]
for processors, is_closed in cases:
    for left in [*range(70)] * 3:
        counting = Counting()
        inner = RoutingBackend({"losing": Losing()}, processors)
        backends = {"a": Losing(), "b": counting, "c": inner, "d": Losing()}
        tracker = Tracker(backends, processors=processors)
        if is_closed:
            tracker.close()
        emitted = entered(sys.getrecursionlimit() - len(inspect.stack(0)) - left)
        books = tracker.stats()
        router = tracker.routing_backend.stats()
        assert books["emitted"] == emitted, (left, books)
        assert emitted == router["sent"] + books["filtered"] + sum(books["lost"].values()), books
        assert books["backends"]["b"]["sent"] == counting.got, (left, books)
        check(router)

# An event on the way of another one, and on the way of that one: a loop.
for left in range(120):
    tracker = Tracker({"emitting": Emitting()})
    entered(sys.getrecursionlimit() - len(inspect.stack(0)) - left)
    books, router = tracker.stats(), tracker.routing_backend.stats()
    assert books["emitted"] == router["sent"] + sum(books["lost"].values()), (left, books)
    check(router)
"""


def test_the_books_are_exact_at_the_end_of_the_stack():
    """
    At each of the last seventy depths an event is sent, dropped or counted as lost, once.

    In a process of its own, as above.
    """
    code = BOOKS_AT_THE_END_OF_THE_STACK
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=300, check=False
    )

    assert (run.returncode, run.stderr.decode()) == (0, "")


def test_what_cannot_be_copied_is_counted_once(monkeypatch, caplog):
    """Out of memory, say: one warning, with the name and the cause."""
    monkeypatch.setattr("eventtracking.backends.routing.copy_event", Raising(MemoryError()).send)
    tracker = Tracker({"a": Keeping()}, processors=[nothing])
    tracker.emit("x.y")
    stats = tracker.stats()

    assert (stats["emitted"], stats["lost"]) == (1, {"backend_error": 1})
    assert caplog.messages == ['Lost event "x.y": backend_error']
    assert caplog.records[0].exc_info[0] is MemoryError


def test_a_locator_that_fails_costs_the_event_and_nothing_else(caplog):
    """It is counted, and the warning has the traceback."""
    locator = mock.Mock(get=mock.Mock(side_effect=OSError("locator")))
    tracker = Tracker({"kept": Keeping()}, locator)
    tracker.emit("x.y")

    assert tracker.stats()["lost"] == {"backend_error": 1}
    assert tracker.stats()["emitted"] == 1
    assert caplog.messages == ['Lost 1 event(s), backend_error; the last was "x.y"']
    assert "OSError: locator" in caplog.text


def test_a_host_whose_logging_fails_is_not_told_of_it_by_emit():
    """Every warning on the way of an event is on its own."""

    class Failing(logging.Handler):
        def emit(self, record):
            raise RuntimeError("handler")

    handler, log = Failing(), logging.getLogger("eventtracking")
    locator = mock.Mock(get=mock.Mock(side_effect=OSError))
    log.addHandler(handler)
    try:
        Tracker({"a": Raising(OSError())}, locator, [Raising(OSError()).send]).emit("a")
        Tracker({"a": Raising(OSError())}, None, [Raising(OSError()).send]).emit("a")
        emit("nobody is configured")
    finally:
        log.removeHandler(handler)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_passes_and_the_next_event_is_none_the_worse(kept, error):
    """It is counted, and the thread is not taken for one that is still emitting."""
    act = mock.Mock(side_effect=[error, error, error, None])
    tracker = Tracker({"kept": kept}, processors=[lambda event: act()])
    for _ in range(3):
        with pytest.raises(error):
            tracker.emit("a")
    tracker.emit("a")

    assert len(kept.events) == 1
    assert tracker.stats()["lost"] == {"backend_error": 3}
    assert tracker.stats()["emitted"] == 4


def test_a_context_is_copied_when_it_is_entered(tracker, kept):
    """At every depth: to change it, enter it again."""
    facts = {"user": {"id": 1}}
    with tracker.context("request", facts):
        facts["user"]["id"] = 2
        facts["more"] = True
        tracker.emit("a")
        tracker.enter_context("request", facts)
        tracker.emit("b")

    assert [event["context"] for event in kept.events] == [
        {"user": {"id": 1}},
        {"user": {"id": 2}, "more": True},
    ]


def test_what_a_backend_does_to_a_context_shows_in_no_other_event():
    """Each event has its own."""
    kept = Keeping()
    spoil = Doing(lambda event: event["context"]["user"].clear())
    tracker = Tracker({"a": spoil, "kept": kept})
    with tracker.context("request", {"user": {"id": 1}}):
        tracker.emit("a")
        tracker.emit("b")

    assert [event["context"] for event in kept.events] == [{"user": {"id": 1}}] * 2


def test_contexts_of_the_same_name_nest_and_come_back(tracker):
    """A view inside a view, a task inside a task."""
    seen = []
    with tracker.context("request", {"user": 1}):
        with tracker.context("request", {"user": 2}):
            with tracker.context("request", {"user": 3}):
                seen.append(tracker.resolve_context())
            seen.append(tracker.resolve_context())
        seen.append(tracker.resolve_context())
    seen.append(tracker.resolve_context())

    assert seen == [{"user": 3}, {"user": 2}, {"user": 1}, {}]


def test_contexts_of_the_same_name_come_back_after_an_exception(tracker):
    """As if the block had never been."""
    tracker.enter_context("request", {"user": 1})
    with pytest.raises(ZeroDivisionError), tracker.context("request", {"user": 2}):
        raise ZeroDivisionError

    assert tracker.resolve_context() == {"user": 1}


def test_a_block_brings_back_what_was_there_whatever_happened_inside(tracker):
    """Left, or entered anew, under the same name."""
    tracker.enter_context("request", {"user": 1})
    with tracker.context("request", {"user": 2}):
        tracker.exit_context("request")
    with tracker.context("request", {"user": 3}):
        tracker.enter_context("request", {"user": 4})

    assert tracker.resolve_context() == {"user": 1}


def test_a_block_that_was_left_inside_ends_quietly(tracker):
    """There is nothing to bring back."""
    with tracker.context("request", {"user": 1}):
        tracker.exit_context("request")

    assert tracker.resolve_context() == {}


def test_a_nested_block_of_the_same_name_keeps_its_rank(tracker):
    """What was entered later still wins, inside and afterwards."""
    tracker.enter_context("a", {"k": 1})
    tracker.enter_context("b", {"k": 2})
    with tracker.context("a", {"k": 3, "only": 1}):
        inside = tracker.resolve_context()

    assert inside == {"k": 2, "only": 1}
    assert tracker.resolve_context() == {"k": 2}


@pytest.mark.parametrize("ctx", [None, 5, "text", object(), [1, 2]])
def test_a_context_that_is_no_mapping_is_ignored_with_a_warning(tracker, kept, caplog, ctx):
    """The events go out, and leaving it works as ever."""
    tracker.enter_context("request", ctx)
    tracker.emit("a")
    with tracker.context("form", ctx):
        tracker.emit("b")
    tracker.exit_context("request")

    assert [event["context"] for event in kept.events] == [{}, {}]
    assert caplog.messages == [
        f'Ignored context "request": it must be a mapping, got {type(ctx).__name__}'
    ]


def test_a_context_that_is_ignored_leaves_what_stood_there(tracker):
    """Better the facts of before than none."""
    tracker.enter_context("user", {"id": 1})
    with tracker.context("user", None):
        inside = tracker.resolve_context()
    tracker.enter_context("user", None)

    assert inside == tracker.resolve_context() == {"id": 1}


def test_a_context_that_cannot_be_read_is_ignored_with_a_warning(tracker, caplog):
    """Somebody's mapping raised."""
    hostile = mock.MagicMock(keys=mock.Mock(side_effect=OSError))
    tracker.enter_context("request", hostile)

    assert tracker.resolve_context() == {}
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("name", STRANGE)
def test_whatever_a_context_holds_events_go_out(name):
    """With a lock in it, or a cycle, or a hundred thousand lists."""
    written = Reading(encode)
    tracker = Tracker({"written": written})
    with tracker.context("strange", {"it": strange_data()[name]}):
        tracker.emit("a")

    assert strictly(written.seen[0])["name"] == "a"


def test_a_mapping_of_any_kind_is_a_context(tracker):
    """It need not be a dict."""
    tracker.enter_context("a", mock.MagicMock(keys=lambda: ["k"], __getitem__=lambda _, key: key))

    assert tracker.resolve_context() == {"k": "k"}


def emitting(tracker, name, times=1):
    """Return a processor that emits *name* on the way of every event."""
    return lambda event: [tracker.emit(name) for _ in range(times)] and None


@pytest.mark.parametrize("place", ["processor", "backend"])
def test_an_event_emitted_on_the_way_of_another_is_delivered(place):
    """One emitted on the way of that one is dropped and counted: it could go on for ever."""
    kept = Keeping()
    tracker = Tracker({"z": kept})
    again = emitting(tracker, "inner")
    if place == "processor":
        tracker.processors.append(again)
    else:
        tracker.backends["a"] = Doing(again)
    tracker.emit("outer")
    tracker.emit("outer")

    assert Counter(event["name"] for event in kept.events) == {"outer": 2, "inner": 2}
    assert tracker.stats()["emitted"] == 6
    assert tracker.stats()["lost"] == {"recursion": 2}


def test_two_trackers_that_emit_to_each_other_end_as_well(caplog):
    """The way of an event is that of its thread, not that of its tracker."""
    one, other = Tracker(), Tracker()
    one.backends["other"] = Doing(lambda event: other.emit("to other"))
    other.backends["one"] = Doing(lambda event: one.emit("to one"))
    one.emit("start")

    assert (one.stats()["emitted"], one.stats()["lost"]) == (2, {"recursion": 1})
    assert (other.stats()["emitted"], other.stats()["lost"]) == (1, {})
    assert caplog.messages == ['Lost 1 event(s), recursion; the last was "to one"']


def test_other_threads_are_not_on_the_way_of_an_event(kept):
    """What they emit meanwhile is their own first."""
    tracker = Tracker({"kept": kept})

    def elsewhere(event):
        if event["name"] != "elsewhere":
            in_threads([lambda: tracker.emit("elsewhere")] * 3)

    tracker.processors.append(elsewhere)
    tracker.emit("here")

    assert Counter(event["name"] for event in kept.events) == {"here": 1, "elsewhere": 3}
    assert tracker.stats()["lost"] == {}


@pytest.mark.parametrize("listening_to", ["loop.test", "eventtracking", None])
def test_a_logging_handler_that_emits_cannot_loop(listening_to):
    """Neither over what the backend logs, nor over the warnings about it."""
    tracker = Tracker({"log": LoggerBackend(name="loop.test", max_event_size=None, level="error")})
    calls = []

    class Emitting(logging.Handler):
        def emit(self, record):
            calls.append(record)
            tracker.emit("logged", {"line": record.getMessage()})

    handlers = [(logging.getLogger(name), Emitting()) for name in {"loop.test", listening_to}]
    for log, handler in handlers:
        log.addHandler(handler)
    try:
        logging.getLogger("loop.test").error("started by the application")
    finally:
        for log, handler in handlers:
            log.removeHandler(handler)
    stats = tracker.stats()

    assert stats["emitted"] == len(calls) < 20
    assert stats["backends"]["log"]["sent"] == stats["emitted"] - stats["lost"]["recursion"]


def test_an_object_that_emits_when_it_is_destroyed_does_no_harm(kept):
    """Wherever on the way of an event that happens."""
    tracker = Tracker({"kept": kept})

    class Dying:
        def __del__(self):
            tracker.emit("died")

    tracker.processors.append(lambda event: nothing(Dying()))
    tracker.emit("a")
    data = {"dying": [Dying()]}
    tracker.emit("b", data)
    kept.events.clear()
    del data
    gc.collect()
    names = Counter(event["name"] for event in kept.events)
    stats = tracker.stats()

    assert names["died"] >= 1
    assert stats["emitted"] == stats["backends"]["kept"]["accepted"] + stats["lost"]["recursion"]


def test_a_garbage_collection_that_emits_does_no_harm():
    """It starts in the middle of an event as well, since events are made of objects."""
    kept = Reading(lambda event: event["name"])
    tracker = Tracker({"kept": kept}, processors=[nothing])
    collections = []

    def collected(phase, _):
        collections.append(phase)
        tracker.emit("collected")

    thresholds = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(500):
            tracker.emit("a", {"list": [[], {}]})
        gc.collect()
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(collected)
    stats = tracker.stats()

    assert len(collections) > 2
    assert stats["emitted"] == 500 + len(collections)
    assert len(kept.seen) + stats["lost"].get("recursion", 0) == stats["emitted"]


def test_a_signal_handler_may_emit_every_half_millisecond_for_three_seconds():
    """While the program emits and logs: no deadlock, never deeper than two, every event counted."""
    depths, ticks, works = [], [], []
    stream = io.StringIO()
    log = logging.getLogger("signals.test")
    log.propagate = False
    log.addHandler(logging.StreamHandler(stream))
    log.setLevel(logging.INFO)
    tracker = Tracker(
        {
            "depth": Reading(lambda event: depths.append(tracker_module._active_emits().emits)),
            "inner": Doing(lambda event: event["name"] == "work" and tracker.emit("inner")),
            "log": LoggerBackend(name="signals.test", max_event_size=None),
            "memory": MemoryBackend(max_events=10),
        },
        processors=[nothing],
    )

    def tick(*_):
        ticks.append(1)
        tracker.emit("tick")

    before = signal.signal(signal.SIGALRM, tick)
    end = time.monotonic() + 3
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        while time.monotonic() < end:
            works.append(1)
            tracker.emit("work", {"list": [1]})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        log.handlers.clear()
    stats = tracker.stats()
    delivered = stats["emitted"] - stats["lost"].get("recursion", 0)

    assert len(ticks) > 10
    assert max(depths) <= 2
    assert stats["emitted"] >= len(ticks) + len(works)
    assert {name: each["accepted"] for name, each in stats["backends"].items()} == dict.fromkeys(
        ["depth", "inner", "log", "memory"], delivered
    )
    assert [balance(each) for each in stats["backends"].values()] == [0] * 4
    assert len(stream.getvalue().splitlines()) == delivered


def test_events_emitted_while_the_interpreter_ends_are_delivered(tmp_path):
    """From `atexit`, in any order. What dies with the modules hangs on nothing and is silent."""
    script = tmp_path / "ends.py"
    script.write_text(
        """
import atexit, os, sys
atexit.register(lambda: tracker.emit("registered first"))
from eventtracking import tracker
from eventtracking.serialization import encode

class Out:
    read_only = True
    def __init__(self): self.write, self.encode = os.write, encode
    def send(self, event): self.write(1, self.encode(event))

class Dying:
    def __init__(self, name): self.name, self.emit = name, tracker.emit
    def __del__(self): self.emit(self.name)

tracker.register_tracker(tracker.Tracker({"out": Out()}))
atexit.register(lambda: tracker.emit("registered last"))
dying = Dying("global")
cycle = [Dying("in a cycle")]; cycle.append(cycle)
sys.modules["kept"] = Dying("in a module")
tracker.emit("main")
"""
    )
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, check=True, timeout=300
    )
    names = [strictly(line)["name"] for line in run.stdout.splitlines(keepends=True)]

    assert run.stderr == b""
    assert names[:3] == ["main", "registered last", "registered first"]
    assert len(names) == len(set(names))


def test_stats_have_the_documented_shape(tracker):
    """Four keys; `lost` by reason; one entry a backend."""
    tracker.processors.append(lambda event: drop(event) if event["name"] == "no" else None)
    for name in ("yes", "no", "yes"):
        tracker.emit(name)

    assert tracker.stats() == {
        "emitted": 3,
        "filtered": 1,
        "lost": {},
        "backends": {"kept": {"accepted": 2, "sent": 2, "pending": 0, "lost": {}}},
    }


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_stats_of_a_forked_child_start_at_zero():
    """What the parent emitted stays the parent's."""
    tracker = Tracker({"a": MemoryBackend(), "b": Raising(OSError())}, processors=[nothing])
    tracker.emit("parent")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            before = tracker.stats()
            tracker.emit("child")
            os.write(writing, json.dumps([before, tracker.stats()]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        before, after = json.load(answer)
    os.waitpid(child, 0)

    assert (before["emitted"], before["backends"]["b"]["lost"]) == (0, {})
    assert before["backends"]["a"]["accepted"] == 0
    assert (after["emitted"], after["backends"]["b"]["lost"]) == (1, {"backend_error": 1})
    assert tracker.stats()["emitted"] == 1


def test_a_tracker_that_is_closed_counts_what_comes_too_late(tracker, kept, caplog):
    """It does not raise, and closing twice is fine."""
    tracker.emit("in time")
    assert tracker.close() is True
    assert tracker.close() is True
    tracker.emit("late")

    assert len(kept.events) == 1
    assert tracker.is_closed
    assert tracker.stats()["lost"] == {"closed": 1}
    assert tracker.stats()["emitted"] == 2
    assert caplog.messages == ['Lost 1 event(s), closed; the last was "late"']


def test_flush_and_close_reach_the_backends():
    """With what time there is: five seconds to close, unless said otherwise."""
    backend = mock.Mock(flush=mock.Mock(return_value=False), close=mock.Mock(return_value=True))
    tracker = Tracker({"a": backend})

    assert tracker.flush(2.0) is False
    assert tracker.flush() is False
    assert tracker.close() is True
    assert 1 < backend.flush.call_args_list[0].args[0] <= 2.0
    assert backend.flush.call_args_list[1].args == (None,)
    assert 4 < backend.close.call_args.args[0] <= 5.0


def test_losses_of_one_reason_are_one_warning_a_minute(tracker, caplog):
    """The later one says how many there were in between."""
    clock = Clock()
    tracker._throttle = LogThrottle(clock=clock)
    tracker.close()
    for number in range(10):
        tracker.emit(str(number))
    clock.now += 60
    tracker.emit("last")

    assert caplog.messages == [
        'Lost 1 event(s), closed; the last was "0"',
        'Lost 10 event(s), closed; the last was "last"',
    ]


def test_a_tracker_shows_its_backends(tracker):
    """For the shell."""
    assert repr(tracker) == "<Tracker backends=['kept']>"


def test_the_module_enters_contexts_of_the_default_tracker(registered, kept):
    """`with tracker.context(...)` without asking for the tracker first."""
    with context("request", {"user": 1}):
        emit("inside")
    emit("outside")

    assert [event["context"] for event in kept.events] == [{"user": 1}, {}]


def test_unconfigured_emits_are_dropped_with_one_warning(caplog):
    """It says how to configure; `get_tracker` still raises."""
    for _ in range(3):
        emit("a", {"k": 1})
    with context("request", {"user": 1}):
        emit("b")
    with pytest.raises(KeyError):
        get_tracker()

    (message,) = caplog.messages
    assert caplog.records[0].levelno == logging.WARNING
    assert "eventtracking.settings.configure()" in message
    assert "EVENT_TRACKING_CONFIG" in message


def test_unconfigured_emits_of_many_threads_are_one_warning(caplog):
    """However many are the first."""
    in_threads([emit] * 20)

    assert len(caplog.messages) == 1


def test_a_tracker_registered_after_the_warning_is_used(tracker, kept):
    """Importing and emitting early does not spoil what is configured later."""
    emit("too early")
    register_tracker(tracker)
    emit("in time")

    assert [event["name"] for event in kept.events] == ["in time"]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write the settings of `EVENT_TRACKING_CONFIG`."""

    def write(settings):
        path = tmp_path / "settings.json"
        path.write_text(settings if isinstance(settings, str) else json.dumps(settings))
        monkeypatch.setenv("EVENT_TRACKING_CONFIG", str(path))
        return path

    return write


MEMORY = {"ENGINE": "eventtracking.backends.memory.MemoryBackend"}


def test_the_settings_named_in_the_environment_are_loaded_by_the_first_emit(config, caplog):
    """And that event is the first one to be delivered."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    emit("first")
    emit("second")

    events = get_tracker().get_backend("memory").events
    assert [event["name"] for event in events] == ["first", "second"]
    assert caplog.messages == []


def test_a_context_may_be_the_first_to_need_the_settings(config):
    """As well as an event."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    with context("request", {"user": 1}):
        emit("a")

    assert get_tracker().get_backend("memory").events[0]["context"] == {"user": 1}


def test_the_settings_are_loaded_once_for_all_threads_and_no_first_event_is_lost(config):
    """Twenty threads emit at once; all wait for the one that configures."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    from eventtracking import settings

    real, arrived, everyone = settings.build, [], threading.Event()

    def build_when_all_are_there(given):
        everyone.wait(60)
        return real(given)

    def arrive_and_emit(number):
        arrived.append(number)
        if len(arrived) == 20:
            everyone.set()
        emit(str(number))

    with mock.patch(BUILD, side_effect=build_when_all_are_there) as build:
        in_threads([lambda n=n: arrive_and_emit(n) for n in range(20)])
    names = [event["name"] for event in get_tracker().get_backend("memory").events]

    assert build.call_count == 1
    assert sorted(names, key=int) == [str(n) for n in range(20)]


@pytest.mark.parametrize(
    "settings",
    ["no json", "[]", {"EVENT_TRACKING_BACKENDS": {"x": {"ENGINE": "no.such.Backend"}}}, "\ud800"],
    ids=["text", "list", "engine", "encoding"],
)
def test_bad_settings_are_one_warning_and_never_an_error(config, caplog, settings):
    """The warning names the file and what is wrong, on one line."""
    if settings == "\ud800":
        path = config("")
        Path(path).write_bytes(b"\xff\xfe\xff")
    else:
        path = config(settings)
    for _ in range(3):
        emit("a")

    (message,) = caplog.messages
    assert message.startswith(f"EVENT_TRACKING_CONFIG={path}: events are dropped. ")
    assert "\n" not in message


def test_settings_that_are_not_there_are_one_warning(tmp_path, monkeypatch, caplog):
    """With the path, to look for."""
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", str(tmp_path / "missing.toml"))
    for _ in range(3):
        emit("a")

    (message,) = caplog.messages
    assert "missing.toml" in message


def test_settings_may_emit_while_they_are_loaded(config, caplog):
    """What is built on the first emit emits: dropped, without a loop or a deadlock."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    real = MemoryBackend.__init__

    def build(self):
        emit("while building")
        real(self)

    with mock.patch.object(MemoryBackend, "__init__", build):
        emit("a")

    assert [e["name"] for e in get_tracker().get_backend("memory").events] == ["a"]
    assert caplog.messages == []


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_settings_are_loaded_does_not_hang(config):
    """The thread that loads them does not exist in the child; the child loads them itself."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    from eventtracking import settings

    loading, go_on, real = threading.Event(), threading.Event(), settings.build

    def build(given):
        if threading.current_thread() is not threading.main_thread():
            loading.set()
            go_on.wait(60)
        return real(given)

    with mock.patch(BUILD, build):
        thread = threading.Thread(target=emit, args=("parent",), daemon=True)
        thread.start()
        assert loading.wait(60)
        child = os.fork()
        if not child:
            signal.alarm(30)
            emit("child")
            names = [event["name"] for event in get_tracker().get_backend("memory").events]
            os._exit(0 if names == ["child"] else 1)
        _, status = os.waitpid(child, 0)
        go_on.set()
        thread.join(60)

    assert status == 0
    assert [e["name"] for e in get_tracker().get_backend("memory").events] == ["parent"]
