"""The tracker: `emit` never raises, counts every loss, and mixes up no contexts."""

import gc
import inspect
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
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from core_fakes import (
    CallbackBackend,
    Clock,
    FailingBackend,
    ReadOnlyBackend,
    RecordingBackend,
    balance,
    depth,
    drop,
    in_threads,
    keep,
    nested,
    parse_strictly,
)
from unusual_values import UNUSUAL, Array, Hostile, Truthless, cycle, unusual_values

from eventtracking.backends.logger import LoggerBackend
from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.event import CYCLE
from eventtracking.serialization import encode
from eventtracking.stats import LogThrottle
from eventtracking.tracker import Tracker, context, emit, get_tracker, register_tracker

# The function that builds a tracker from loaded settings.
BUILD = "eventtracking.settings.building.build"


@pytest.fixture
def kept():
    return RecordingBackend()


@pytest.fixture
def tracker(kept):
    return Tracker({"kept": kept})


@pytest.fixture
def registered(tracker):
    register_tracker(tracker)
    return tracker


@pytest.mark.parametrize("processors", [[], [keep], [dict]])
@pytest.mark.parametrize("name", UNUSUAL)
def test_data_with_any_value_is_delivered_without_an_error(caplog, name, processors):
    """A backend that gets a copy and one that gets the event itself both have it."""
    kept, written = RecordingBackend(), ReadOnlyBackend(encode)
    tracker = Tracker({"kept": kept, "written": written}, processors=processors)
    tracker.emit("a", unusual_values()[name])

    assert len(kept.events) == 1
    assert parse_strictly(written.seen[0])["name"] == "a"
    assert tracker.stats()["lost"] == {}
    assert caplog.messages == []


@pytest.mark.parametrize("name", [Truthless(), Hostile(), Array(), [1], {"a": 1}, object()])
def test_an_event_with_any_name_is_delivered_without_an_error(tracker, kept, name):
    """The name is passed on unchanged."""
    tracker.emit(name, Truthless())

    assert kept.events[0]["name"] is name or kept.events[0]["name"] == name


def test_emitting_does_not_change_the_data(tracker):
    """A cycle or deep nesting is cut in the copies only."""
    data = cycle()
    deep = nested(1000)
    Tracker({"kept": RecordingBackend()}, processors=[lambda e: e["data"].clear()]).emit("a", data)
    tracker.emit("a", {"deep": deep})

    assert data["list"][0] is data
    assert depth(deep) == 1000


def test_a_cycle_is_marked_in_the_event_of_a_backend(tracker, kept):
    """The rest of the data is complete."""
    tracker.emit("a", cycle())

    assert kept.events[0]["data"] == {"list": [CYCLE]}


@pytest.mark.parametrize("processors", [[], [keep]])
def test_the_caller_may_change_the_data_right_after_emit(processors):
    """An event holds the data of its own time, even if the same dict is emitted repeatedly."""
    kept, written = RecordingBackend(), ReadOnlyBackend(encode)
    tracker = Tracker({"kept": kept, "written": written}, processors=processors)
    data = {"step": 0, "list": []}
    for step in range(3):
        data["step"] = step
        data["list"].append(step)
        tracker.emit("a", data)
    data.clear()
    expected = [{"step": step, "list": [*range(step + 1)]} for step in range(3)]

    assert [event["data"] for event in kept.events] == expected
    assert [parse_strictly(line)["data"] for line in written.seen] == expected


def test_threads_may_change_the_data_while_it_is_emitted():
    """For five seconds, nothing raises, nothing is lost, and every line is complete."""
    kept, written = (
        MemoryBackend(max_events=1),
        ReadOnlyBackend(lambda e: len(parse_strictly(encode(e)))),
    )
    tracker = Tracker({"kept": kept, "written": written}, processors=[keep])
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


EMIT_ON_A_FULL_STACK = """
import inspect, sys, traceback
from eventtracking.serialization import encode
from eventtracking.tracker import Tracker

class Writing:
    read_only = True
    def send(self, event): encode(event)

def keep(event): return None

def descend(frames):
    return descend(frames - 1) if frames else tracker.emit("a", {"list": [[1]]})

for processors in [], [keep]:
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


def test_emit_does_not_raise_when_the_stack_is_full():
    """
    A `RecursionError` reaches the application from its own frames only, never from `emit`.

    Runs in another process, since debuggers and coverage tools use frames as well.
    """
    code = EMIT_ON_A_FULL_STACK
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=300, check=False
    )

    assert (run.returncode, run.stderr.decode().rpartition("Traceback")[2]) == (0, "")


COUNT_ON_A_FULL_STACK = """
import inspect, logging, os, sys, traceback
from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import EventEmissionExit, EventLost
from eventtracking.tracker import Tracker

logging.basicConfig(stream=open(os.devnull, "w"))
logging.raiseExceptions = False

class Counting:
    received = 0
    def send(self, event): self.received += 1

class Losing:
    def send(self, event): raise EventLost("rejected")

class Guard:
    fails_closed = True
    def __call__(self, event): raise ValueError

def keep(event): return None

def drop(event): raise EventEmissionExit

def refuse(event): raise EventEmissionExit("too_large")

class Emitting:
    def send(self, event): tracker.emit("b")

def descend(frames):
    return descend(frames - 1) if frames else tracker.emit("a", {"list": [[1]]})

def emitted_after(frames):
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
    for backend in router["backends"].values():
        if "filtered" in backend:
            check(backend)
        lost = sum(backend["lost"].values())
        assert backend["accepted"] == backend["sent"] + backend.get("filtered", 0) + lost, backend
        assert backend["accepted"] == router["sent"], router

cases = [
    (processors, is_closed)
    for processors in ([], [keep], [drop], [refuse], [Guard()], [keep, drop])
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
        emitted = emitted_after(sys.getrecursionlimit() - len(inspect.stack(0)) - left)
        stats = tracker.stats()
        router = tracker.routing_backend.stats()
        assert stats["emitted"] == emitted, (left, stats)
        assert emitted == router["sent"] + stats["filtered"] + sum(stats["lost"].values()), stats
        assert stats["backends"]["b"]["sent"] == counting.received, (left, stats)
        check(router)

# Each event emits another one: a loop.
for left in range(120):
    tracker = Tracker({"emitting": Emitting()})
    emitted_after(sys.getrecursionlimit() - len(inspect.stack(0)) - left)
    stats, router = tracker.stats(), tracker.routing_backend.stats()
    assert stats["emitted"] == router["sent"] + sum(stats["lost"].values()), (left, stats)
    check(router)
"""


def test_the_counters_are_exact_when_the_stack_is_full():
    """
    At each of the last seventy depths, an event is sent, dropped or counted as lost, once.

    Runs in another process, as above.
    """
    code = COUNT_ON_A_FULL_STACK
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=300, check=False
    )

    assert (run.returncode, run.stderr.decode()) == (0, "")


def test_an_event_that_cannot_be_copied_is_counted_once(monkeypatch, caplog):
    """When memory runs out, one warning gives the name and the cause."""
    monkeypatch.setattr(
        "eventtracking.backends.routing.copy_event", FailingBackend(MemoryError()).send
    )
    tracker = Tracker({"a": RecordingBackend()}, processors=[keep])
    tracker.emit("x.y")
    stats = tracker.stats()

    assert (stats["emitted"], stats["lost"]) == (1, {"backend_error": 1})
    assert caplog.messages == ['Lost event "x.y": backend_error']
    assert caplog.records[0].exc_info[0] is MemoryError


def test_a_failing_locator_costs_only_the_event(caplog):
    """The event is counted as lost, and the warning has the traceback."""
    locator = mock.Mock(get=mock.Mock(side_effect=OSError("locator")))
    tracker = Tracker({"kept": RecordingBackend()}, locator)
    tracker.emit("x.y")

    assert tracker.stats()["lost"] == {"backend_error": 1}
    assert tracker.stats()["emitted"] == 1
    assert caplog.messages == ['Lost 1 event(s), backend_error; the last was "x.y"']
    assert "OSError: locator" in caplog.text


def test_a_failing_log_handler_makes_no_emit_raise():
    """Every warning about an event is logged safely."""

    class Failing(logging.Handler):
        def emit(self, record):
            raise RuntimeError("handler")

    handler, log = Failing(), logging.getLogger("eventtracking")
    locator = mock.Mock(get=mock.Mock(side_effect=OSError))
    log.addHandler(handler)
    try:
        Tracker({"a": FailingBackend(OSError())}, locator, [FailingBackend(OSError()).send]).emit(
            "a"
        )
        Tracker({"a": FailingBackend(OSError())}, None, [FailingBackend(OSError()).send]).emit("a")
        emit("no tracker is configured")
    finally:
        log.removeHandler(handler)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_passed_on_and_does_not_affect_the_next_event(kept, error):
    """It counts as a loss, and the emit depth of the thread is restored."""
    interrupt = mock.Mock(side_effect=[error, error, error, None])
    tracker = Tracker({"kept": kept}, processors=[lambda event: interrupt()])
    for _ in range(3):
        with pytest.raises(error):
            tracker.emit("a")
    tracker.emit("a")

    assert len(kept.events) == 1
    assert tracker.stats()["lost"] == {"backend_error": 3}
    assert tracker.stats()["emitted"] == 4


def test_a_context_is_copied_when_it_is_entered(tracker, kept):
    """The copy is deep: to change a context, enter it again."""
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


def test_a_backend_that_changes_a_context_affects_no_other_event():
    """Each event has its own copy of the context."""
    kept = RecordingBackend()
    clearing = CallbackBackend(lambda event: event["context"]["user"].clear())
    tracker = Tracker({"a": clearing, "kept": kept})
    with tracker.context("request", {"user": {"id": 1}}):
        tracker.emit("a")
        tracker.emit("b")

    assert [event["context"] for event in kept.events] == [{"user": {"id": 1}}] * 2


def test_contexts_of_the_same_name_nest(tracker):
    """The end of each block restores the context that the block replaced."""
    seen = []
    with tracker.context("request", {"user": 1}):
        with tracker.context("request", {"user": 2}):
            with tracker.context("request", {"user": 3}):
                seen.append(tracker.resolve_context())
            seen.append(tracker.resolve_context())
        seen.append(tracker.resolve_context())
    seen.append(tracker.resolve_context())

    assert seen == [{"user": 3}, {"user": 2}, {"user": 1}, {}]


def test_a_replaced_context_is_restored_after_an_exception(tracker):
    """The block leaves no trace."""
    tracker.enter_context("request", {"user": 1})
    with pytest.raises(ZeroDivisionError), tracker.context("request", {"user": 2}):
        raise ZeroDivisionError

    assert tracker.resolve_context() == {"user": 1}


def test_a_block_restores_the_replaced_context_whatever_happens_inside(tracker):
    """The code in the block may leave the context, or enter another one of the same name."""
    tracker.enter_context("request", {"user": 1})
    with tracker.context("request", {"user": 2}):
        tracker.exit_context("request")
    with tracker.context("request", {"user": 3}):
        tracker.enter_context("request", {"user": 4})

    assert tracker.resolve_context() == {"user": 1}


def test_a_context_may_be_left_inside_its_own_block(tracker):
    """The end of the block has nothing to restore, and raises nothing."""
    with tracker.context("request", {"user": 1}):
        tracker.exit_context("request")

    assert tracker.resolve_context() == {}


def test_a_nested_block_of_the_same_name_keeps_its_place_in_the_order(tracker):
    """A context that was entered later still wins, inside the block and after it."""
    tracker.enter_context("a", {"k": 1})
    tracker.enter_context("b", {"k": 2})
    with tracker.context("a", {"k": 3, "only": 1}):
        inside = tracker.resolve_context()

    assert inside == {"k": 2, "only": 1}
    assert tracker.resolve_context() == {"k": 2}


@pytest.mark.parametrize("ctx", [None, 5, "text", object(), [1, 2]])
def test_a_context_that_is_not_a_mapping_is_ignored_with_a_warning(tracker, kept, caplog, ctx):
    """Events are still sent, and the context can be left as usual."""
    tracker.enter_context("request", ctx)
    tracker.emit("a")
    with tracker.context("form", ctx):
        tracker.emit("b")
    tracker.exit_context("request")

    assert [event["context"] for event in kept.events] == [{}, {}]
    assert caplog.messages == [
        f'Ignored context "request": it must be a mapping, got {type(ctx).__name__}'
    ]


def test_an_ignored_context_leaves_the_earlier_one_in_place(tracker):
    """The facts entered before are better than none."""
    tracker.enter_context("user", {"id": 1})
    with tracker.context("user", None):
        inside = tracker.resolve_context()
    tracker.enter_context("user", None)

    assert inside == tracker.resolve_context() == {"id": 1}


def test_a_context_that_cannot_be_read_is_ignored_with_a_warning(tracker, caplog):
    """The methods of a mapping may raise."""
    hostile = mock.MagicMock(keys=mock.Mock(side_effect=OSError))
    tracker.enter_context("request", hostile)

    assert tracker.resolve_context() == {}
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_context_with_any_value_does_not_stop_events(name):
    """It may hold a lock, a cycle, or a hundred thousand nested lists."""
    written = ReadOnlyBackend(encode)
    tracker = Tracker({"written": written})
    with tracker.context("unusual", {"it": unusual_values()[name]}):
        tracker.emit("a")

    assert parse_strictly(written.seen[0])["name"] == "a"


def test_any_mapping_is_a_context(tracker):
    """It need not be a dict."""
    tracker.enter_context("a", mock.MagicMock(keys=lambda: ["k"], __getitem__=lambda _, key: key))

    assert tracker.resolve_context() == {"k": "k"}


def emitting(tracker, name):
    """Return a processor that emits *name* for every event."""
    return lambda event: tracker.emit(name)


@pytest.mark.parametrize("place", ["processor", "backend"])
def test_an_event_emitted_while_another_is_sent_is_delivered(place):
    """An event one level deeper is dropped and counted: it may be part of an endless loop."""
    kept = RecordingBackend()
    tracker = Tracker({"z": kept})
    emit_inner = emitting(tracker, "inner")
    if place == "processor":
        tracker.processors.append(emit_inner)
    else:
        tracker.backends["a"] = CallbackBackend(emit_inner)
    tracker.emit("outer")
    tracker.emit("outer")

    assert Counter(event["name"] for event in kept.events) == {"outer": 2, "inner": 2}
    assert tracker.stats()["emitted"] == 6
    assert tracker.stats()["lost"] == {"recursion": 2}


def test_two_trackers_that_emit_to_each_other_do_not_loop(caplog):
    """The emit depth belongs to the thread, not to the tracker."""
    one, other = Tracker(), Tracker()
    one.backends["other"] = CallbackBackend(lambda event: other.emit("to other"))
    other.backends["one"] = CallbackBackend(lambda event: one.emit("to one"))
    one.emit("start")

    assert (one.stats()["emitted"], one.stats()["lost"]) == (2, {"recursion": 1})
    assert (other.stats()["emitted"], other.stats()["lost"]) == (1, {})
    assert caplog.messages == ['Lost 1 event(s), recursion; the last was "to one"']


def test_each_thread_has_its_own_emit_depth(kept):
    """Events that other threads emit meanwhile are not nested."""
    tracker = Tracker({"kept": kept})

    def emit_in_threads(event):
        if event["name"] != "thread":
            in_threads([lambda: tracker.emit("thread")] * 3)

    tracker.processors.append(emit_in_threads)
    tracker.emit("main")

    assert Counter(event["name"] for event in kept.events) == {"main": 1, "thread": 3}
    assert tracker.stats()["lost"] == {}


@pytest.mark.parametrize("listening_to", ["loop.test", "eventtracking", None])
def test_a_logging_handler_that_emits_cannot_loop(listening_to):
    """Neither the lines of the backend nor the warnings about lost events start a loop."""
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


def test_an_object_may_emit_when_it_is_destroyed(kept):
    """It may be destroyed while another event is being sent."""
    tracker = Tracker({"kept": kept})

    class EmitsWhenDestroyed:
        def __del__(self):
            tracker.emit("destroyed")

    tracker.processors.append(lambda event: keep(EmitsWhenDestroyed()))
    tracker.emit("a")
    data = {"list": [EmitsWhenDestroyed()]}
    tracker.emit("b", data)
    kept.events.clear()
    del data
    gc.collect()
    names = Counter(event["name"] for event in kept.events)
    stats = tracker.stats()

    assert names["destroyed"] >= 1
    assert stats["emitted"] == stats["backends"]["kept"]["accepted"] + stats["lost"]["recursion"]


def test_a_callback_of_the_garbage_collector_may_emit():
    """Creating an event can start a collection, so the callback runs while events are sent."""
    kept = ReadOnlyBackend(lambda event: event["name"])
    tracker = Tracker({"kept": kept}, processors=[keep])
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


def sends_in_progress():
    """Return how many events this thread is sending, one inside the other."""
    frame, number = inspect.currentframe(), 0
    while frame is not None:
        number += frame.f_code is RoutingBackend.send.__code__
        frame = frame.f_back
    return number


def test_a_signal_handler_may_emit_every_half_millisecond_for_three_seconds():
    """The program emits and logs meanwhile: no deadlock, at most two levels, exact counters."""
    depths, ticks, works = [], [], []
    stream = io.StringIO()
    log = logging.getLogger("signals.test")
    log.propagate = False
    log.addHandler(logging.StreamHandler(stream))
    log.setLevel(logging.INFO)
    tracker = Tracker(
        {
            "depth": ReadOnlyBackend(lambda event: depths.append(sends_in_progress())),
            "inner": CallbackBackend(
                lambda event: event["name"] == "work" and tracker.emit("inner")
            ),
            "log": LoggerBackend(name="signals.test", max_event_size=None),
            "memory": MemoryBackend(max_events=10),
        },
        processors=[keep],
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
    assert 1 <= min(depths) <= max(depths) <= 2
    assert stats["emitted"] >= len(ticks) + len(works)
    assert {name: each["accepted"] for name, each in stats["backends"].items()} == dict.fromkeys(
        ["depth", "inner", "log", "memory"], delivered
    )
    assert [balance(each) for each in stats["backends"].values()] == [0] * 4
    assert len(stream.getvalue().splitlines()) == delivered


def test_events_emitted_at_interpreter_exit_are_delivered(tmp_path):
    """Exit hooks in any order may emit; objects destroyed with their modules raise nothing."""
    script = tmp_path / "exit.py"
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

class EmitsWhenDestroyed:
    def __init__(self, name): self.name, self.emit = name, tracker.emit
    def __del__(self): self.emit(self.name)

tracker.register_tracker(tracker.Tracker({"out": Out()}))
atexit.register(lambda: tracker.emit("registered last"))
destroyed = EmitsWhenDestroyed("global")
cycle = [EmitsWhenDestroyed("in a cycle")]; cycle.append(cycle)
sys.modules["kept"] = EmitsWhenDestroyed("in a module")
tracker.emit("main")
"""
    )
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, check=True, timeout=300
    )
    names = [parse_strictly(line)["name"] for line in run.stdout.splitlines(keepends=True)]

    assert run.stderr == b""
    assert names[:3] == ["main", "registered last", "registered first"]
    assert len(names) == len(set(names))


def test_stats_have_the_documented_shape(tracker):
    """There are four keys: `lost` is by reason, `backends` by name."""
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
    """The events that the parent emitted are counted in the parent only."""
    tracker = Tracker({"a": MemoryBackend(), "b": FailingBackend(OSError())}, processors=[keep])
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
    with os.fdopen(reading) as pipe:
        before, after = json.load(pipe)
    os.waitpid(child, 0)

    assert (before["emitted"], before["backends"]["b"]["lost"]) == (0, {})
    assert before["backends"]["a"]["accepted"] == 0
    assert (after["emitted"], after["backends"]["b"]["lost"]) == (1, {"backend_error": 1})
    assert tracker.stats()["emitted"] == 1


def test_a_closed_tracker_counts_later_events_as_lost(tracker, kept, caplog):
    """It does not raise, and can be closed twice."""
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
    """They pass on the remaining time; `close` has five seconds by default."""
    backend = mock.Mock(flush=mock.Mock(return_value=False), close=mock.Mock(return_value=True))
    tracker = Tracker({"a": backend})

    assert tracker.flush(2.0) is False
    assert tracker.flush() is False
    assert tracker.close() is True
    assert 1 < backend.flush.call_args_list[0].args[0] <= 2.0
    assert backend.flush.call_args_list[1].args == (None,)
    assert 4 < backend.close.call_args.args[0] <= 5.0


def test_losses_of_one_reason_are_one_warning_a_minute(monkeypatch, caplog):
    """The later warning gives the number of losses in between."""
    clock = Clock()
    monkeypatch.setattr("eventtracking.tracker.LogThrottle", partial(LogThrottle, clock=clock))
    tracker = Tracker()
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
    """The `repr` is for an interactive shell."""
    assert repr(tracker) == "<Tracker backends=['kept']>"


def test_the_module_enters_contexts_of_the_default_tracker(registered, kept):
    """`with tracker.context(...)` works on the module as well."""
    with context("request", {"user": 1}):
        emit("inside")
    emit("outside")

    assert [event["context"] for event in kept.events] == [{"user": 1}, {}]


def test_emits_without_a_tracker_are_dropped_with_one_warning(caplog):
    """The warning says how to configure a tracker; `get_tracker` still raises."""
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


def test_emits_of_many_threads_without_a_tracker_are_one_warning(caplog):
    """Twenty threads emit their first event at once."""
    in_threads([emit] * 20)

    assert len(caplog.messages) == 1


def test_a_tracker_registered_after_the_warning_is_used(tracker, kept):
    """A program may emit before it configures a tracker."""
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


def test_the_first_emit_loads_the_settings_named_in_the_environment(config, caplog):
    """That event is delivered too."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    emit("first")
    emit("second")

    events = get_tracker().get_backend("memory").events
    assert [event["name"] for event in events] == ["first", "second"]
    assert caplog.messages == []


def test_a_context_loads_the_settings_as_well(config):
    """A program may enter a context before its first event."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    with context("request", {"user": 1}):
        emit("a")

    assert get_tracker().get_backend("memory").events[0]["context"] == {"user": 1}


def test_all_threads_wait_while_one_loads_the_settings(config):
    """Of twenty first events, emitted at once, none is lost."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    from eventtracking import settings

    real, arrived, all_arrived = settings.build, [], threading.Event()

    def build_when_all_have_arrived(given):
        all_arrived.wait(60)
        return real(given)

    def arrive_and_emit(number):
        arrived.append(number)
        if len(arrived) == 20:
            all_arrived.set()
        emit(str(number))

    with mock.patch(BUILD, side_effect=build_when_all_have_arrived) as build:
        in_threads([lambda n=n: arrive_and_emit(n) for n in range(20)])
    names = [event["name"] for event in get_tracker().get_backend("memory").events]

    assert build.call_count == 1
    assert sorted(names, key=int) == [str(n) for n in range(20)]


@pytest.mark.parametrize(
    "settings",
    [
        "not a JSON text",
        "[]",
        {"EVENT_TRACKING_BACKENDS": {"x": {"ENGINE": "no.such.Backend"}}},
        "\ud800",
    ],
    ids=["text", "list", "engine", "encoding"],
)
def test_invalid_settings_are_one_warning_and_never_an_error(config, caplog, settings):
    """The warning names the file and the problem, on one line."""
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


def test_a_missing_settings_file_is_one_warning(tmp_path, monkeypatch, caplog):
    """The warning gives the path."""
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", str(tmp_path / "missing.toml"))
    for _ in range(3):
        emit("a")

    (message,) = caplog.messages
    assert "missing.toml" in message


def test_settings_may_emit_while_they_are_loaded(config, caplog):
    """An event emitted by a backend that is being built is dropped, without a deadlock."""
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
    """The loading thread does not exist in the child, so the child loads the settings itself."""
    config({"EVENT_TRACKING_BACKENDS": {"memory": MEMORY}})
    from eventtracking import settings

    loading, may_finish, real = threading.Event(), threading.Event(), settings.build

    def build(given):
        if threading.current_thread() is not threading.main_thread():
            loading.set()
            may_finish.wait(60)
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
        may_finish.set()
        thread.join(60)

    assert status == 0
    assert [e["name"] for e in get_tracker().get_backend("memory").events] == ["parent"]
