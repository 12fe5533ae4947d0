"""Copies, guards, books and trees: what a router adds to event-tracking's."""

import logging
import sys
import threading
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


class Spoiling:
    """Changes whatever it can reach."""

    def send(self, event):
        event["data"]["spoiled"] = True
        event["data"].get("list", []).append("spoiled")
        event.pop("context")


class Guard:
    """Fails, and says in one way or another that it fails closed."""

    def __init__(self, fails_closed):
        self.fails_closed = fails_closed

    def __call__(self, event):
        raise RuntimeError("guard")


class Booking:
    """Keeps books of its own; raises for every third event, and loses every fourth by itself."""

    def __init__(self):
        self.seen = 0
        self.books = {"accepted": 0, "sent": 0, "pending": 0, "lost": {}}

    def send(self, event):
        self.seen += 1
        if self.seen % 3 == 0:
            raise OSError
        self.books["accepted"] += 1
        if self.seen % 4 == 0:
            self.books["lost"]["expired"] = self.books["lost"].get("expired", 0) + 1
        elif self.seen % 5 == 0:
            self.books["pending"] += 1
        else:
            self.books["sent"] += 1

    def stats(self):
        return self.books


class Closing(RecordingBackend):
    """Notes what it is asked to finish, and answers."""

    def __init__(self, answer=True):
        super().__init__()
        self.answer = answer
        self.asked = []

    def flush(self, timeout):
        return self._answer("flush", timeout)

    def close(self, timeout):
        return self._answer("close", timeout)

    def _answer(self, method, timeout):
        self.asked.append((method, timeout))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def often_switching():
    """Threads take turns a thousand times as often as usual: what can go wrong does."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    yield
    sys.setswitchinterval(usual)


def branch(router, name):
    return router.stats()["backends"][name]


def test_no_backend_sees_what_another_did():
    """Each gets a copy of its own, at every depth."""
    kept = RecordingBackend()
    event = new_event(data={"list": [1]})
    RoutingBackend({"a": Spoiling(), "b": kept, "c": Spoiling()}).send(event)

    assert kept.events == [new_event(data={"list": [1]})]
    assert event == new_event(data={"list": [1]})


@pytest.mark.parametrize("processors", [[], [keep]])
def test_no_branch_of_a_tree_sees_what_another_did(processors):
    """Nor do the branches above and below."""
    kept = [RecordingBackend() for _ in range(3)]

    def spoil(event):
        Spoiling().send(event)

    inner = RoutingBackend({"x": kept[0], "y": Spoiling()}, [lambda e: e["data"].update(inner=1)])
    router = RoutingBackend(
        {"a": RoutingBackend({"x": kept[1]}, [spoil]), "b": inner, "c": Spoiling(), "d": kept[2]},
        processors,
    )
    router.send(new_event(data={"list": [1]}))

    assert kept[0].events == [new_event(data={"list": [1], "inner": 1})]
    assert "context" not in kept[1].events[0]
    assert kept[2].events == [new_event(data={"list": [1]})]


def test_a_processor_changes_a_copy():
    """The event of the caller stays what it was."""
    event = new_event(data={"list": [1]})
    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [lambda e: e["data"]["list"].append(2)]).send(event)

    assert event["data"] == {"list": [1]}
    assert kept.events[0]["data"] == {"list": [1, 2]}


def test_a_backend_that_only_reads_is_spared_the_copy():
    """It is handed the event itself."""
    event, reading = new_event(), ReadOnlyBackend()
    RoutingBackend({"a": reading, "b": RoutingBackend({"c": reading})}).send(event)

    assert reading.seen == [id(event)] * 2


@pytest.mark.parametrize("claim", [False, None, 1, "yes", mock.Mock()])
def test_only_true_itself_is_a_promise_to_read_only(claim):
    """A mock has every attribute, and each of them is truthy."""
    event, seen = new_event(), []
    backend = mock.Mock(read_only=claim, send=lambda e: seen.append(e is event))
    RoutingBackend({"a": backend}).send(event)

    assert seen == [False]


def test_what_a_processor_returned_instead_is_copied_for_each_backend():
    """It may keep it, or return the same one every time."""
    constant = new_event(data={"list": [1]})
    kept = RecordingBackend()
    router = RoutingBackend({"a": kept, "b": Spoiling()}, [lambda e: constant])
    router.send(new_event())
    router.send(new_event())

    assert kept.events == [new_event(data={"list": [1]})] * 2
    assert constant == new_event(data={"list": [1]})


def test_a_list_that_cannot_be_iterated_spoils_no_event():
    """Its class is somebody else's code, and is not run."""

    class Hostile(list):
        def __iter__(self):
            raise RuntimeError

    kept = RecordingBackend()
    router = RoutingBackend({"a": kept}, [keep])
    router.send(new_event(data={"list": Hostile([1])}))

    assert kept.events[0]["data"] == {"list": [1]}
    assert branch(router, "a")["lost"] == {}


def test_nothing_of_a_backend_is_called_when_it_is_registered():
    """A mock has no calls; a backend that connects on its first event does not connect."""
    backend = mock.Mock()
    router = RoutingBackend({"a": backend})
    router.register_backend("b", backend)
    repr(router)

    assert backend.mock_calls == []


def test_a_mock_is_a_backend():
    """Applications test with them: it is sent to, and its odd answers to the rest do no harm."""
    backend = mock.Mock()
    router = RoutingBackend({"a": backend})
    router.send(new_event())

    backend.send.assert_called_once_with(new_event())
    assert router.flush() is True
    assert branch(router, "a") == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_a_mock_is_a_processor():
    """What it returns is the event; it does not fail closed, though it has the attribute."""
    processor = mock.Mock(side_effect=RuntimeError)
    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [processor]).send(new_event())

    assert kept.events == [new_event()]


CHANGES = [
    ("set", lambda b, new: b.__setitem__("a", new), ["a"]),
    ("update", lambda b, new: b.update(a=new), ["a"]),
    ("setdefault", lambda b, new: b.setdefault("a", new), ["a"]),
    ("add behind", lambda b, new: b.update(z=new), ["old", "z"]),
]


@pytest.mark.parametrize(("change", "reached"), [each[1:] for each in CHANGES])
def test_the_backends_can_be_changed_while_events_flow(change, reached):
    """The mapping is live, whichever way it is changed."""
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
def test_a_backend_that_is_taken_away_gets_no_more_events(remove):
    """Whichever way it is taken away."""
    kept = RecordingBackend()
    router = RoutingBackend({"a": kept})
    router.send(new_event())
    remove(router.backends)
    router.send(new_event())

    assert len(kept.events) == 1
    assert router.stats()["sent"] == 2


def test_backends_can_be_put_into_another_order():
    """A backend that is removed and added again comes last."""
    reached = []
    router = RoutingBackend({n: CallbackBackend(lambda e, n=n: reached.append(n)) for n in "abc"})
    router.send(new_event())
    router.backends["a"] = router.backends.pop("a")
    router.send(new_event())

    assert reached == ["a", "b", "c", "b", "c", "a"]


def test_the_processors_can_be_changed_while_events_flow():
    """The list is live."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept})
    router.send(new_event())
    router.processors.append(drop)
    router.send(new_event())
    router.processors.clear()
    router.send(new_event())

    assert len(kept.events) == 2


def test_a_processor_may_take_itself_out():
    """The others of this event still run."""
    ran = []

    def once(event):
        router.processors.remove(once)
        ran.append("once")

    router = RoutingBackend(processors=[once, lambda e: ran.append("always")])
    router.send(new_event())
    router.send(new_event())

    assert ran == ["once", "always", "always"]


def test_a_backend_that_takes_the_place_of_another_starts_with_empty_books():
    """They are about the object, not about its name."""
    router = RoutingBackend({"a": RecordingBackend()})
    router.send(new_event())
    router.register_backend("a", RecordingBackend())
    router.send(new_event())

    assert branch(router, "a")["accepted"] == 1
    assert router.stats()["sent"] == 2


def test_changing_backends_under_traffic_loses_no_event(often_switching):
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
    """It was meant to be dropped."""
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
def test_a_drop_with_a_reason_counts_as_that_loss(caplog, reason):
    """And is one warning, with the name of the event."""

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


def test_a_drop_of_a_class_of_ones_own_counts_as_filtered():
    """Also one whose `__init__` never heard of reasons."""

    class Unwanted(EventEmissionExit):
        def __init__(self, event):
            self.event = event

    def refuse(event):
        raise Unwanted(event)

    router = RoutingBackend(processors=[refuse])
    router.send(new_event())

    assert (router.stats()["filtered"], balance(router.stats())) == (1, 0)


@pytest.mark.parametrize("claim", [False, None, 1, "yes", mock.Mock()])
def test_an_open_processor_that_fails_lets_the_event_on(claim):
    """Only `fails_closed = True` itself makes a guard."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept}, [Guard(claim)])
    router.send(new_event())

    assert len(kept.events) == 1
    assert router.stats()["lost"] == {}


def test_a_guard_that_fails_drops_the_event_and_counts_it(caplog):
    """Rather none than an unguarded one; the traceback of the guard is in the log."""
    kept, later = RecordingBackend(), []
    router = RoutingBackend({"kept": kept}, [Guard(True), later.append])
    router.send(new_event("x.y"))
    levels = [(record.levelname, record.getMessage()) for record in caplog.records]

    assert (kept.events, later) == ([], [])
    assert router.stats()["lost"] == {"guard_failed": 1}
    assert levels[0][1].startswith("Failed to execute processor: <")
    assert levels[1] == ("WARNING", 'Lost event "x.y": guard_failed')


def test_a_guard_may_drop_on_purpose():
    """That is its decision, not its failure."""

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
def test_what_a_backend_raises_counts_as_its_loss(error, reason):
    """Under the reason that it gave, if it gave one of the list."""
    router = RoutingBackend({"a": FailingBackend(error), "b": RecordingBackend()})
    router.send(new_event())

    assert branch(router, "a") == {"accepted": 1, "sent": 0, "pending": 0, "lost": {reason: 1}}
    assert branch(router, "b") == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_a_loss_of_a_class_of_ones_own_counts():
    """Also one whose `__init__` never heard of reasons."""

    class Rejected(EventLost):
        def __init__(self, status):
            self.status = status

    router = RoutingBackend({"a": FailingBackend(Rejected(400)), "b": RecordingBackend()})
    router.send(new_event())

    assert branch(router, "a")["lost"] == {"backend_error": 1}
    assert branch(router, "b")["sent"] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_event_that_a_processor_was_interrupted_at_is_counted(error):
    """gevent's Timeout and a worker's exit pass through, but not unseen."""
    router = RoutingBackend(
        {"a": RecordingBackend()}, [CallbackBackend(mock.Mock(side_effect=error)).send]
    )
    with pytest.raises(error):
        router.send(new_event())

    assert router.stats()["lost"] == {"backend_error": 1}
    assert balance(router.stats()) == 0


def test_an_event_that_a_backend_was_interrupted_at_is_counted_for_those_behind_it():
    """The one before it has it."""
    backends = {"a": RecordingBackend(), "b": FailingBackend(SystemExit()), "c": RecordingBackend()}
    router = RoutingBackend(backends)
    with pytest.raises(SystemExit):
        router.send(new_event())
    books = router.stats()["backends"]

    assert {name: each["lost"] for name, each in books.items()} == {
        "a": {},
        "b": {"backend_error": 1},
        "c": {"backend_error": 1},
    }
    assert [balance(each) for each in (router.stats(), *books.values())] == [0] * 4


@pytest.mark.parametrize("where", ["processor", "backend"])
def test_an_interruption_inside_a_tree_is_counted_once(where):
    """By the router in which it happened; the branches behind it never saw the event."""
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
    """A clock for the notices of every router that is built in the test."""
    clock = Clock()

    class OnThisClock(LogThrottle):
        def __init__(self):
            super().__init__(clock=clock)

    monkeypatch.setattr("eventtracking.backends.routing.LogThrottle", OnThisClock)
    return clock


def test_a_failing_backend_is_one_line_a_minute(caplog, clock):
    """With its traceback; the next line says how many there were."""
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
    """Each processor for itself."""
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


def test_another_kind_of_error_of_the_same_backend_is_news(caplog, clock):
    """A full disk does not hide a missing permission."""
    backend = FailingBackend(OSError())
    router = RoutingBackend({"a": backend})
    router.send(new_event())
    backend.error = ValueError()
    router.send(new_event())

    assert len(caplog.records) == 2


def test_every_loss_is_counted_whether_it_is_told_of_or_not(caplog, clock):
    """Silence is for the log only."""
    router = RoutingBackend({"a": FailingBackend(OSError())})
    for _ in range(100):
        router.send(new_event())

    assert branch(router, "a")["lost"] == {"backend_error": 100}
    assert len(caplog.records) == 1


def test_a_log_that_fails_costs_no_event():
    """A handler of the host raises when it is told of the first backend: the second is served."""

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


class Nameless:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nERROR forged", "a\\nERROR forged"),
        (Nameless(), "<Nameless>"),
        (5, "5"),
        (None, "None"),
    ],
)
def test_any_name_can_be_told_of(caplog, name, shown):
    """In one line, even if its text raises."""
    RoutingBackend({"a": FailingBackend(OSError())}).send(new_event(name))

    assert caplog.messages == [f'Unable to send edx event "{shown}" to backend: a']


def test_what_is_no_event_is_named_by_its_type_only(caplog):
    """It may be the payload itself, with whatever it holds."""
    RoutingBackend({"a": FailingBackend(OSError())}, [lambda e: ["secret"]]).send(new_event())

    assert caplog.messages == ["Unable to send edx event \"<class 'list'>\" to backend: a"]


def test_books_of_a_backends_own_are_shown_with_what_it_raised_for():
    """The router counts only what `send` raised for."""
    router = RoutingBackend({"a": Booking()})
    for _ in range(60):
        router.send(new_event())

    assert branch(router, "a") == {
        "accepted": 60,
        "sent": 24,
        "pending": 6,
        "lost": {"expired": 10, "backend_error": 20},
    }
    assert balance(branch(router, "a")) == 0


@pytest.mark.parametrize("books", [None, [], "books", {}, {"accepted": 1}, mock.Mock()])
def test_odd_books_are_not_shown(books):
    """The router's own count stands for them."""
    backend = RecordingBackend()
    backend.stats = lambda: books
    router = RoutingBackend({"a": backend})
    router.send(new_event())

    assert branch(router, "a") == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_books_that_cannot_be_shown_are_logged(caplog):
    """And the router's own count stands for them."""
    backend = RecordingBackend()
    backend.stats = mock.Mock(side_effect=OSError)
    router = RoutingBackend({"a": backend})
    router.send(new_event())

    assert branch(router, "a")["sent"] == 1
    assert caplog.messages == ["Backend a: stats() failed"]


def test_the_books_of_a_tree_are_a_tree():
    """Each router shows what its own processors dropped."""
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


def test_an_event_that_skips_the_processors_is_counted_as_well():
    """`send_to_backends` accepts and sends."""
    router = RoutingBackend({"a": RecordingBackend()}, [drop])
    router.send_to_backends(new_event())

    assert (router.stats()["accepted"], router.stats()["sent"]) == (1, 1)


def test_a_router_without_backends_sends_to_nobody():
    """It has nobody to lose it: that is what was asked for."""
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


def test_threads_lose_no_count():
    """Exact whenever it is quiet, without a lock."""
    router = RoutingBackend({"a": FailingBackend(OSError()), "b": RecordingBackend()}, [keep])

    def send():
        for _ in range(500):
            router.send(new_event())

    in_threads([send] * 8)

    assert router.stats()["accepted"] == 4000
    assert branch(router, "a")["lost"] == {"backend_error": 4000}
    assert branch(router, "b")["sent"] == 4000


@pytest.mark.parametrize("method", ["flush", "close"])
def test_every_backend_is_finished_within_what_is_left_of_the_time(method):
    """Those that cannot be are passed over."""
    one, other = Closing(), Closing()
    router = RoutingBackend({"a": one, "b": RecordingBackend(), "c": RoutingBackend({"d": other})})

    assert getattr(router, method)(5.0) is True
    for backend in (one, other):
        ((asked, timeout),) = backend.asked
        assert asked == method
        assert 0 < timeout <= 5.0


@pytest.mark.parametrize("method", ["flush", "close"])
def test_without_a_time_out_none_is_passed_on(method):
    """Each backend has a bound of its own."""
    backend = Closing()
    getattr(RoutingBackend({"a": backend}), method)()

    assert backend.asked == [(method, None)]


def test_a_time_out_of_nothing_still_asks_everyone():
    """Whoever can finish at once does."""
    backends = [Closing(), Closing()]
    RoutingBackend({"a": backends[0], "b": backends[1]}).flush(0)

    assert [backend.asked for backend in backends] == [[("flush", 0.0)]] * 2


@pytest.mark.parametrize(
    ("answer", "expected"), [(True, True), (None, True), (False, False), (OSError(), False)]
)
def test_the_answer_is_whether_nothing_is_left_anywhere(answer, expected):
    """One that fails is logged, counts as not finished, and stops no other."""
    last = Closing()
    router = RoutingBackend({"a": Closing(answer), "b": last})

    assert router.close(1.0) is expected
    assert len(last.asked) == 1


def test_a_backend_that_cannot_be_finished_is_logged(caplog):
    """With its traceback."""
    RoutingBackend({"a": Closing(OSError("disk"))}).flush()

    assert caplog.messages == ["Backend a: flush() failed"]
    assert "disk" in caplog.text


def test_a_router_shows_what_is_in_it():
    """For the shell and for error messages."""
    router = RoutingBackend({"b": RecordingBackend(), "a": RecordingBackend()}, [drop])

    assert repr(router) == f"<RoutingBackend backends=['a', 'b'] processors=[{drop!r}]>"


def test_a_subclass_that_processes_in_its_own_way_is_asked_without_processors_too():
    """What event-tracking calls for every event is called here as well."""

    class Renaming(RoutingBackend):
        def process_event(self, event):
            return {**event, "name": "renamed"}

    kept = MemoryBackend()
    Renaming({"kept": kept}).send({"name": "original"})

    assert kept.events == [{"name": "renamed"}]


def test_a_subclass_with_a_send_of_its_own_cannot_change_what_others_get():
    """Only our own `send` is known to copy first, so another one is given a copy."""

    class Marking(RoutingBackend):
        def send(self, event):
            event["marked"] = True
            super().send(event)

    kept = MemoryBackend()
    RoutingBackend({"a": Marking(), "b": kept}).send({"name": "n"})

    assert kept.events == [{"name": "n"}]


class Failing:
    """Keeps events, and has properties that fail."""

    def __init__(self):
        self.send = mock.Mock()

    @property
    def read_only(self):
        raise ValueError("not today")

    flush = stats = close = read_only


class Miscounting(RecordingBackend):
    """Keeps books that cannot be added up."""

    def __init__(self, **wrong):
        super().__init__()
        self.books = {"accepted": 1, "sent": 1, "pending": 0, "lost": {}} | wrong

    def stats(self):
        return self.books


def test_a_backend_whose_attributes_fail_hurts_no_other():
    """It is sent to as any other, and so are its neighbours."""
    failing, kept = Failing(), RecordingBackend()
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
def test_books_that_cannot_be_added_up_are_none(wrong):
    """The router's own stand in their place."""
    router = RoutingBackend({"a": Miscounting(**wrong)})
    router.send(new_event())

    assert router.stats()["backends"]["a"] == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}
