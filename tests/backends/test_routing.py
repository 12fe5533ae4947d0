"""`RoutingBackend`: copies, guards, statistics and trees, beyond what event-tracking does."""

import logging
import sys
import threading
from functools import partial
from unittest import mock

import pytest
from core_fakes import (
    CallbackBackend,
    Clock,
    FailingBackend,
    ReadOnlyBackend,
    RecordingBackend,
    balance,
    drop,
    in_threads,
    keep,
    new_event,
)

from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import (
    EventEmissionExit,
    EventLost,
    NoBackendEnabled,
    NoTransformerImplemented,
    Unserializable,
)
from eventtracking.stats import LOSS_REASONS, LogThrottle


class MutatingBackend:
    """Changes the event at every depth."""

    def send(self, event):
        event["data"]["changed"] = True
        event["data"].get("list", []).append("changed")
        event.pop("context")


class Guard:
    """A processor that always fails, with a given value of `fails_closed`."""

    def __init__(self, fails_closed):
        self.fails_closed = fails_closed

    def __call__(self, event):
        raise RuntimeError("guard")


class CountingBackend:
    """Has its own statistics; raises for every third event, and loses every fourth one itself."""

    def __init__(self):
        self.seen = 0
        self.counted = {"accepted": 0, "sent": 0, "pending": 0, "lost": {}}

    def send(self, event):
        self.seen += 1
        if self.seen % 3 == 0:
            raise OSError
        self.counted["accepted"] += 1
        if self.seen % 4 == 0:
            self.counted["lost"]["expired"] = self.counted["lost"].get("expired", 0) + 1
        elif self.seen % 5 == 0:
            self.counted["pending"] += 1
        else:
            self.counted["sent"] += 1

    def stats(self):
        return self.counted


class ClosableBackend(RecordingBackend):
    """Records the calls of `flush` and `close`, and returns or raises *result*."""

    def __init__(self, result=True):
        super().__init__()
        self.result = result
        self.calls = []

    def flush(self, timeout):
        return self._finish("flush", timeout)

    def close(self, timeout):
        return self._finish("close", timeout)

    def _finish(self, method, timeout):
        self.calls.append((method, timeout))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def frequent_switches():
    """Make threads switch a thousand times as often as usual, to provoke races."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 1000)
    yield
    sys.setswitchinterval(before)


def branch(router, name):
    return router.stats()["backends"][name]


def test_no_backend_sees_the_changes_of_another():
    """Each backend gets its own deep copy."""
    kept = RecordingBackend()
    event = new_event(data={"list": [1]})
    RoutingBackend({"a": MutatingBackend(), "b": kept, "c": MutatingBackend()}).send(event)

    assert kept.events == [new_event(data={"list": [1]})]
    assert event == new_event(data={"list": [1]})


@pytest.mark.parametrize("processors", [[], [keep]])
def test_no_branch_of_a_tree_sees_the_changes_of_another(processors):
    """The branches above and below do not see them either."""
    kept = [RecordingBackend() for _ in range(3)]

    def mutate(event):
        MutatingBackend().send(event)

    inner = RoutingBackend(
        {"x": kept[0], "y": MutatingBackend()}, [lambda e: e["data"].update(inner=1)]
    )
    router = RoutingBackend(
        {
            "a": RoutingBackend({"x": kept[1]}, [mutate]),
            "b": inner,
            "c": MutatingBackend(),
            "d": kept[2],
        },
        processors,
    )
    router.send(new_event(data={"list": [1]}))

    assert kept[0].events == [new_event(data={"list": [1], "inner": 1})]
    assert "context" not in kept[1].events[0]
    assert kept[2].events == [new_event(data={"list": [1]})]


def test_a_processor_changes_a_copy():
    """The event of the caller is not changed."""
    event = new_event(data={"list": [1]})
    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [lambda e: e["data"]["list"].append(2)]).send(event)

    assert event["data"] == {"list": [1]}
    assert kept.events[0]["data"] == {"list": [1, 2]}


def test_a_read_only_backend_gets_no_copy():
    """It gets the event itself, which saves time."""
    event, backend = new_event(), ReadOnlyBackend()
    RoutingBackend({"a": backend, "b": RoutingBackend({"c": backend})}).send(event)

    assert backend.seen == [id(event)] * 2


@pytest.mark.parametrize("claim", [False, None, 1, "yes", mock.Mock()])
def test_only_the_value_true_makes_a_backend_read_only(claim):
    """A mock has every attribute, and each of them is truthy."""
    event, seen = new_event(), []
    backend = mock.Mock(read_only=claim, send=lambda e: seen.append(e is event))
    RoutingBackend({"a": backend}).send(event)

    assert seen == [False]


def test_an_event_returned_by_a_processor_is_copied_for_each_backend():
    """The processor may keep it, or return the same object every time."""
    constant = new_event(data={"list": [1]})
    kept = RecordingBackend()
    router = RoutingBackend({"a": kept, "b": MutatingBackend()}, [lambda e: constant])
    router.send(new_event())
    router.send(new_event())

    assert kept.events == [new_event(data={"list": [1]})] * 2
    assert constant == new_event(data={"list": [1]})


def test_a_list_that_cannot_be_iterated_costs_no_event():
    """Copying does not call the methods of its class."""

    class Hostile(list):
        def __iter__(self):
            raise RuntimeError

    kept = RecordingBackend()
    router = RoutingBackend({"a": kept}, [keep])
    router.send(new_event(data={"list": Hostile([1])}))

    assert kept.events[0]["data"] == {"list": [1]}
    assert branch(router, "a")["lost"] == {}


def test_registering_a_backend_calls_none_of_its_methods():
    """A backend that connects at its first event does not connect earlier."""
    backend = mock.Mock()
    router = RoutingBackend({"a": backend})
    router.register_backend("b", backend)
    repr(router)

    assert backend.mock_calls == []


def test_a_mock_can_be_a_backend():
    """Applications test with mocks; the mocks that its other methods return do no harm."""
    backend = mock.Mock()
    router = RoutingBackend({"a": backend})
    router.send(new_event())

    backend.send.assert_called_once_with(new_event())
    assert router.flush() is True
    assert branch(router, "a") == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_a_mock_can_be_a_processor():
    """It does not fail closed, although it has an attribute of that name."""
    processor = mock.Mock(side_effect=RuntimeError)
    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [processor]).send(new_event())

    assert kept.events == [new_event()]


CHANGES = [
    ("set", lambda b, new: b.__setitem__("a", new), ["a"]),
    ("update", lambda b, new: b.update(a=new), ["a"]),
    ("setdefault", lambda b, new: b.setdefault("a", new), ["a"]),
    ("add at the end", lambda b, new: b.update(z=new), ["old", "z"]),
]


@pytest.mark.parametrize(("change", "reached"), [each[1:] for each in CHANGES])
def test_backends_can_be_changed_between_events(change, reached):
    """The mapping is live, whichever of its methods is used."""
    old, new = RecordingBackend(), RecordingBackend()
    router = RoutingBackend({"old": old})
    router.send(new_event("before"))
    if "old" not in reached:
        del router.backends["old"]
    change(router.backends, new)
    router.send(new_event("after"))

    assert list(router.backends) == reached
    assert [event["name"] for event in new.events] == ["after"]
    assert len(old.events) == (2 if "old" in reached else 1)


@pytest.mark.parametrize(
    "remove",
    [
        lambda b: b.pop("a"),
        lambda b: b.popitem(),
        lambda b: b.clear(),
        lambda b: b.__delitem__("a"),
    ],
)
def test_a_removed_backend_gets_no_more_events(remove):
    """Every method that removes an item works."""
    kept = RecordingBackend()
    router = RoutingBackend({"a": kept})
    router.send(new_event())
    remove(router.backends)
    router.send(new_event())

    assert len(kept.events) == 1
    assert router.stats()["sent"] == 2


def test_backends_can_be_reordered():
    """A backend that is removed and added again comes last."""
    reached = []
    router = RoutingBackend({n: CallbackBackend(lambda e, n=n: reached.append(n)) for n in "abc"})
    router.send(new_event())
    router.backends["a"] = router.backends.pop("a")
    router.send(new_event())

    assert reached == ["a", "b", "c", "b", "c", "a"]


def test_processors_can_be_changed_between_events():
    """The list is live."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept})
    router.send(new_event())
    router.processors.append(drop)
    router.send(new_event())
    router.processors.clear()
    router.send(new_event())

    assert len(kept.events) == 2


def test_a_processor_may_remove_itself():
    """The later processors still run on the event."""
    ran = []

    def once(event):
        router.processors.remove(once)
        ran.append("once")

    router = RoutingBackend(processors=[once, lambda e: ran.append("always")])
    router.send(new_event())
    router.send(new_event())

    assert ran == ["once", "always", "always"]


def test_a_replacing_backend_starts_with_counters_at_zero():
    """The counters belong to the object, not to its name."""
    router = RoutingBackend({"a": RecordingBackend()})
    router.send(new_event())
    router.register_backend("a", RecordingBackend())
    router.send(new_event())

    assert branch(router, "a")["accepted"] == 1
    assert router.stats()["sent"] == 2


def test_changing_backends_while_threads_send_loses_no_event(frequent_switches):
    """Eight threads send while three others add and remove backends."""
    counted = ReadOnlyBackend()
    router = RoutingBackend({"always": counted})
    done = threading.Event()

    def change(name):
        while not done.is_set():
            router.backends[name] = ReadOnlyBackend()
            router.backends.pop(name)

    def send():
        for _ in range(2000):
            router.send(new_event())

    def send_all():
        try:
            in_threads([send] * 8)
        finally:
            done.set()

    in_threads([send_all, *(lambda n=n: change(str(n)) for n in range(3))])

    assert len(counted.seen) == 16_000
    assert branch(router, "always") == {
        "accepted": 16_000,
        "sent": 16_000,
        "pending": 0,
        "lost": {},
    }
    assert balance(router.stats()) == 0


def test_a_drop_without_a_reason_counts_as_filtered():
    """The processor dropped it on purpose."""
    router = RoutingBackend({"a": RecordingBackend()}, [drop])
    router.send(new_event())

    assert router.stats() == {
        "accepted": 1,
        "sent": 0,
        "pending": 0,
        "lost": {},
        "filtered": 1,
        "backends": {"a": {"accepted": 0, "sent": 0, "pending": 0, "lost": {}}},
    }


@pytest.mark.parametrize("reason", LOSS_REASONS)
def test_a_drop_with_a_reason_counts_as_a_loss_of_that_reason(caplog, reason):
    """One warning gives the name of the event."""

    def lose(event):
        raise EventEmissionExit(reason)

    router = RoutingBackend(processors=[lose])
    router.send(new_event("x.y"))
    router.send(new_event("x.z"))

    assert (router.stats()["lost"], router.stats()["filtered"]) == ({reason: 2}, 0)
    assert [record.getMessage() for record in caplog.records] == [f'Lost event "x.y": {reason}']


@pytest.mark.parametrize("reason", ["no such reason", 5, [], object()])
def test_a_drop_with_an_unknown_reason_counts_as_filtered(reason):
    """The list of reasons is closed."""

    def lose(event):
        raise EventEmissionExit(reason)

    router = RoutingBackend(processors=[lose])
    router.send(new_event())

    assert (router.stats()["lost"], router.stats()["filtered"]) == ({}, 1)


def test_a_drop_by_a_subclass_of_the_exception_counts_as_filtered():
    """Its `__init__` need not know about reasons."""

    class Unwanted(EventEmissionExit):
        def __init__(self, event):
            self.event = event

    def refuse(event):
        raise Unwanted(event)

    router = RoutingBackend(processors=[refuse])
    router.send(new_event())

    assert (router.stats()["filtered"], balance(router.stats())) == (1, 0)


@pytest.mark.parametrize("claim", [False, None, 1, "yes", mock.Mock()])
def test_a_failing_processor_that_is_not_a_guard_is_skipped(claim):
    """Only the value `True` of `fails_closed` makes a guard."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept}, [Guard(claim)])
    router.send(new_event())

    assert len(kept.events) == 1
    assert router.stats()["lost"] == {}


def test_a_failing_guard_drops_the_event_and_counts_it(caplog):
    """No unguarded event reaches a backend, and the log has the traceback of the guard."""
    kept, later = RecordingBackend(), []
    router = RoutingBackend({"kept": kept}, [Guard(True), later.append])
    router.send(new_event("x.y"))
    levels = [(record.levelname, record.getMessage()) for record in caplog.records]

    assert (kept.events, later) == ([], [])
    assert router.stats()["lost"] == {"guard_failed": 1}
    assert levels[0][1].startswith("Failed to execute processor: <")
    assert levels[1] == ("WARNING", 'Lost event "x.y": guard_failed')


def test_a_guard_may_drop_an_event_on_purpose():
    """This counts as filtered, not as a failure."""

    class Deciding(Guard):
        def __call__(self, event):
            raise EventEmissionExit

    router = RoutingBackend(processors=[Deciding(True)])
    router.send(new_event())

    assert (router.stats()["filtered"], router.stats()["lost"]) == (1, {})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(), "backend_error"),
        (EventLost("too_large", "2 MB"), "too_large"),
        (EventLost("queue_full"), "queue_full"),
        (Unserializable("a lock"), "unserializable"),
        (EventLost("no such reason"), "backend_error"),
        (EventEmissionExit("too_large"), "backend_error"),
        (NoBackendEnabled(), "backend_error"),
        (NoTransformerImplemented(), "backend_error"),
        (RecursionError(), "backend_error"),
        (MemoryError(), "backend_error"),
    ],
)
def test_an_error_of_a_backend_counts_as_its_loss(error, reason):
    """The reason is that of the exception, if it is in the list, or `backend_error`."""
    router = RoutingBackend({"a": FailingBackend(error), "b": RecordingBackend()})
    router.send(new_event())

    assert branch(router, "a") == {"accepted": 1, "sent": 0, "pending": 0, "lost": {reason: 1}}
    assert branch(router, "b") == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_a_loss_by_a_subclass_of_the_exception_is_counted():
    """Its `__init__` need not know about reasons."""

    class Rejected(EventLost):
        def __init__(self, status):
            self.status = status

    router = RoutingBackend({"a": FailingBackend(Rejected(400)), "b": RecordingBackend()})
    router.send(new_event())

    assert branch(router, "a")["lost"] == {"backend_error": 1}
    assert branch(router, "b")["sent"] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_event_whose_processor_is_interrupted_is_counted(error):
    """A Timeout of gevent or the exit of a worker is passed on, but the event is counted."""
    router = RoutingBackend(
        {"a": RecordingBackend()}, [CallbackBackend(mock.Mock(side_effect=error)).send]
    )
    with pytest.raises(error):
        router.send(new_event())

    assert router.stats()["lost"] == {"backend_error": 1}
    assert balance(router.stats()) == 0


def test_an_event_whose_backend_is_interrupted_is_counted_for_all_later_backends():
    """The backends before it have the event."""
    backends = {"a": RecordingBackend(), "b": FailingBackend(SystemExit()), "c": RecordingBackend()}
    router = RoutingBackend(backends)
    with pytest.raises(SystemExit):
        router.send(new_event())
    stats = router.stats()["backends"]

    assert {name: each["lost"] for name, each in stats.items()} == {
        "a": {},
        "b": {"backend_error": 1},
        "c": {"backend_error": 1},
    }
    assert [balance(each) for each in (router.stats(), *stats.values())] == [0] * 4


@pytest.mark.parametrize("where", ["processor", "backend"])
def test_an_interruption_inside_a_tree_is_counted_once(where):
    """The router in which it happens counts it once; its other backends never got the event."""
    stop = FailingBackend(SystemExit())
    inner = RoutingBackend(
        {"x": stop if where == "backend" else RecordingBackend()},
        [stop.send] if where == "processor" else [],
    )
    router = RoutingBackend({"a": inner, "b": RecordingBackend()})
    with pytest.raises(SystemExit):
        router.send(new_event())

    assert branch(router, "a")["accepted"] == 1
    assert balance(branch(router, "a")) == 0
    assert branch(router, "b")["lost"] == {"backend_error": 1}


@pytest.fixture
def clock(monkeypatch):
    """The clock of the throttled log messages of every router built in the test."""
    clock = Clock()
    throttle = partial(LogThrottle, clock=clock)
    monkeypatch.setattr("eventtracking.backends.routing.LogThrottle", throttle)
    return clock


def test_a_failing_backend_is_one_line_a_minute(caplog, clock):
    """It has the traceback; the next line gives the number of errors since."""
    router = RoutingBackend({"a": FailingBackend(OSError())})
    for _ in range(10):
        router.send(new_event("x"))
    clock.now += 60
    router.send(new_event("y"))

    assert [record.getMessage() for record in caplog.records] == [
        'Unable to send edx event "x" to backend: a',
        'Unable to send edx event "y" to backend: a (10 times since the last such message)',
    ]
    assert all(record.exc_info for record in caplog.records)


def test_a_failing_processor_is_one_line_a_minute(caplog, clock):
    """Each processor has its own line."""
    one, other = FailingBackend(OSError()).send, FailingBackend(OSError()).send
    router = RoutingBackend(processors=[one, other])
    for _ in range(10):
        router.send(new_event())
    clock.now += 60
    router.send(new_event())
    later = " (10 times since the last such message)"

    assert [record.getMessage() for record in caplog.records] == [
        f"Failed to execute processor: {one!r}",
        f"Failed to execute processor: {other!r}",
        f"Failed to execute processor: {one!r}{later}",
        f"Failed to execute processor: {other!r}{later}",
    ]


def test_another_type_of_error_of_the_same_backend_is_logged_at_once(caplog, clock):
    """A full disk does not hide a missing permission."""
    backend = FailingBackend(OSError())
    router = RoutingBackend({"a": backend})
    router.send(new_event())
    backend.error = ValueError()
    router.send(new_event())

    assert len(caplog.records) == 2


def test_every_loss_is_counted_whether_it_is_logged_or_not(caplog, clock):
    """Only the log messages are limited."""
    router = RoutingBackend({"a": FailingBackend(OSError())})
    for _ in range(100):
        router.send(new_event())

    assert branch(router, "a")["lost"] == {"backend_error": 100}
    assert len(caplog.records) == 1


def test_a_failing_log_handler_costs_no_event():
    """The second backend gets the event although logging the error of the first one raises."""

    class Failing(logging.Handler):
        def emit(self, record):
            raise RuntimeError("handler")

    handler, log, kept = (
        Failing(),
        logging.getLogger("eventtracking.backends.routing"),
        RecordingBackend(),
    )
    router = RoutingBackend({"a": FailingBackend(OSError()), "b": kept}, [Guard(False)])
    log.addHandler(handler)
    try:
        router.send(new_event())
    finally:
        log.removeHandler(handler)

    assert len(kept.events) == 1
    assert branch(router, "a")["lost"] == {"backend_error": 1}


class FailingName:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nERROR forged", "a\\nERROR forged"),
        (FailingName(), "<FailingName>"),
        (5, "5"),
        (None, "None"),
    ],
)
def test_any_name_can_be_logged(caplog, name, shown):
    """It is shown on one line, even if its `str()` raises."""
    RoutingBackend({"a": FailingBackend(OSError())}).send(new_event(name))

    assert caplog.messages == [f'Unable to send edx event "{shown}" to backend: a']


def test_a_value_that_is_not_an_event_is_logged_by_its_type_only(caplog):
    """The value may hold secrets."""
    RoutingBackend({"a": FailingBackend(OSError())}, [lambda e: ["secret"]]).send(new_event())

    assert caplog.messages == ["Unable to send edx event \"<class 'list'>\" to backend: a"]


def test_the_statistics_of_a_backend_include_the_errors_of_send():
    """The router counts the errors and adds them to the backend's own statistics."""
    router = RoutingBackend({"a": CountingBackend()})
    for _ in range(60):
        router.send(new_event())

    assert branch(router, "a") == {
        "accepted": 60,
        "sent": 24,
        "pending": 6,
        "lost": {"expired": 10, "backend_error": 20},
    }
    assert balance(branch(router, "a")) == 0


@pytest.mark.parametrize("invalid", [None, [], "stats", {}, {"accepted": 1}, mock.Mock()])
def test_invalid_statistics_are_replaced_by_those_of_the_router(invalid):
    """A backend may return anything."""
    backend = RecordingBackend()
    backend.stats = lambda: invalid
    router = RoutingBackend({"a": backend})
    router.send(new_event())

    assert branch(router, "a") == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_an_error_of_stats_is_logged(caplog):
    """The counters of the router replace the backend's statistics."""
    backend = RecordingBackend()
    backend.stats = mock.Mock(side_effect=OSError)
    router = RoutingBackend({"a": backend})
    router.send(new_event())

    assert branch(router, "a")["sent"] == 1
    assert caplog.messages == ["Backend a: stats() failed"]


def test_the_statistics_of_a_tree_are_a_tree():
    """Each router reports the events that its own processors dropped."""
    inner = RoutingBackend({"x": MemoryBackend()}, [drop])
    router = RoutingBackend({"a": inner, "b": MemoryBackend()})
    router.send(new_event())
    empty = {"accepted": 0, "sent": 0, "pending": 0, "lost": {}}
    one = {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}

    assert router.stats() == {
        **one,
        "filtered": 0,
        "backends": {
            "a": {**one, "sent": 0, "filtered": 1, "backends": {"x": empty}},
            "b": one,
        },
    }


def test_an_event_that_skips_the_processors_is_counted():
    """`send_to_backends` counts it as accepted and as sent."""
    router = RoutingBackend({"a": RecordingBackend()}, [drop])
    router.send_to_backends(new_event())

    assert (router.stats()["accepted"], router.stats()["sent"]) == (1, 1)


def test_a_router_without_backends_counts_events_as_sent():
    """Nothing is lost, since no backend was asked for."""
    router = RoutingBackend()
    router.send(new_event())

    assert router.stats() == {
        "accepted": 1,
        "sent": 1,
        "pending": 0,
        "lost": {},
        "filtered": 0,
        "backends": {},
    }


def test_threads_count_exactly():
    """The counters are exact without a lock."""
    router = RoutingBackend({"a": FailingBackend(OSError()), "b": RecordingBackend()}, [keep])

    def send():
        for _ in range(500):
            router.send(new_event())

    in_threads([send] * 8)

    assert router.stats()["accepted"] == 4000
    assert branch(router, "a")["lost"] == {"backend_error": 4000}
    assert branch(router, "b")["sent"] == 4000


@pytest.mark.parametrize("method", ["flush", "close"])
def test_flush_and_close_give_each_backend_the_remaining_time(method):
    """A backend without the method is skipped."""
    one, other = ClosableBackend(), ClosableBackend()
    router = RoutingBackend({"a": one, "b": RecordingBackend(), "c": RoutingBackend({"d": other})})

    assert getattr(router, method)(5.0) is True
    for backend in (one, other):
        ((called, timeout),) = backend.calls
        assert called == method
        assert 0 < timeout <= 5.0


@pytest.mark.parametrize("method", ["flush", "close"])
def test_without_a_timeout_the_backends_get_none(method):
    """Each backend has its own limit."""
    backend = ClosableBackend()
    getattr(RoutingBackend({"a": backend}), method)()

    assert backend.calls == [(method, None)]


def test_a_timeout_of_zero_still_flushes_every_backend():
    """A backend that needs no time can finish."""
    backends = [ClosableBackend(), ClosableBackend()]
    RoutingBackend({"a": backends[0], "b": backends[1]}).flush(0)

    assert [backend.calls for backend in backends] == [[("flush", 0.0)]] * 2


@pytest.mark.parametrize(
    ("result", "expected"), [(True, True), (None, True), (False, False), (OSError(), False)]
)
def test_close_returns_whether_every_backend_is_finished(result, expected):
    """A backend whose `close` raises counts as not finished, and the others are closed."""
    last = ClosableBackend()
    router = RoutingBackend({"a": ClosableBackend(result), "b": last})

    assert router.close(1.0) is expected
    assert len(last.calls) == 1


def test_an_error_of_flush_is_logged(caplog):
    """The log has the traceback."""
    RoutingBackend({"a": ClosableBackend(OSError("disk"))}).flush()

    assert caplog.messages == ["Backend a: flush() failed"]
    assert "disk" in caplog.text


def test_the_repr_shows_backends_and_processors():
    """It appears in shells and in error messages."""
    router = RoutingBackend({"b": RecordingBackend(), "a": RecordingBackend()}, [drop])

    assert repr(router) == f"<RoutingBackend backends=['a', 'b'] processors=[{drop!r}]>"


def test_an_overridden_process_event_is_called_without_processors_too():
    """event-tracking calls it for every event, and so does this router."""

    class Renaming(RoutingBackend):
        def process_event(self, event):
            return {**event, "name": "renamed"}

    kept = MemoryBackend()
    Renaming({"kept": kept}).send({"name": "original"})

    assert kept.events == [{"name": "renamed"}]


def test_a_router_that_overrides_send_gets_a_copy():
    """Only the original `send` is known to copy before it changes anything."""

    class Marking(RoutingBackend):
        def send(self, event):
            event["marked"] = True
            super().send(event)

    kept = MemoryBackend()
    RoutingBackend({"a": Marking(), "b": kept}).send({"name": "n"})

    assert kept.events == [{"name": "n"}]


class BackendWithFailingProperties:
    """Accepts events, but every optional attribute raises when it is read."""

    def __init__(self):
        self.send = mock.Mock()

    @property
    def read_only(self):
        raise ValueError("this property fails")

    flush = stats = close = read_only


class MiscountingBackend(RecordingBackend):
    """Returns statistics of wrong types."""

    def __init__(self, **wrong):
        super().__init__()
        self.counted = {"accepted": 1, "sent": 1, "pending": 0, "lost": {}} | wrong

    def stats(self):
        return self.counted


def test_a_backend_whose_properties_fail_still_gets_events():
    """The other backends are not affected."""
    failing, kept = BackendWithFailingProperties(), RecordingBackend()
    router = RoutingBackend({"a": failing, "b": kept})
    router.send(new_event())

    failing.send.assert_called_once()
    assert len(kept.events) == 1
    assert router.flush(1)
    assert router.close(1)
    assert router.stats()["backends"]["a"]["sent"] == 1


@pytest.mark.parametrize(
    "wrong", [{"accepted": "1"}, {"lost": None}, {"lost": {"closed": "1"}}, {"pending": None}]
)
def test_statistics_that_cannot_be_added_up_are_replaced(wrong):
    """The counters of the router are reported instead."""
    router = RoutingBackend({"a": MiscountingBackend(**wrong)})
    router.send(new_event())

    assert router.stats()["backends"]["a"] == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}
