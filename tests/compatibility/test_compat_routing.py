"""How a router orders, validates and runs what it is given, as in event-tracking."""

import logging
from unittest import mock

import pytest
from core_fakes import CallbackBackend, FailingBackend, RecordingBackend, drop, new_event

from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import (
    EventEmissionExit,
    NoBackendEnabled,
    NoTransformerImplemented,
)

SOURCE = "eventtracking.backends.routing"


class NotABackend:
    send = "not callable"


def records(caplog, level):
    return [record for record in caplog.records if record.levelno == level]


def test_backends_are_reached_in_the_plain_order_of_their_names():
    """Digits before capitals before small letters."""
    reached = []
    names = ["b", "a", "B", "1"]
    router = RoutingBackend(
        {name: CallbackBackend(lambda e, n=name: reached.append(n)) for name in names}
    )
    router.send(new_event())

    assert reached == ["1", "B", "a", "b"]
    assert list(router.backends) == reached


def test_a_backend_that_is_registered_later_comes_last():
    """In the order of the calls; the same name keeps its place."""
    first, second, third = RecordingBackend(), RecordingBackend(), RecordingBackend()
    router = RoutingBackend({"m": first})
    router.register_backend("a", second)
    router.register_backend("m", third)

    assert list(router.backends.items()) == [("m", third), ("a", second)]


def test_names_of_several_types_cannot_be_sorted():
    """It is an error when the router is built."""
    with pytest.raises(TypeError):
        RoutingBackend({"a": RecordingBackend(), 1: RecordingBackend()})


def test_backends_must_be_a_mapping():
    """A list has no names."""
    with pytest.raises(AttributeError):
        RoutingBackend([RecordingBackend()])


@pytest.mark.parametrize("bad", [NotABackend(), None, object(), "text", {}])
def test_a_backend_must_have_a_send(bad):
    """The text names the class, and operators search for it."""
    text = f'^Backend {type(bad).__name__} does not have a callable "send" method.$'
    with pytest.raises(ValueError, match=text):
        RoutingBackend({"a": bad})
    with pytest.raises(ValueError, match=text):
        RoutingBackend().register_backend("a", bad)


@pytest.mark.parametrize("bad", [NotABackend(), None, object(), "text", {}])
def test_a_processor_must_be_callable(bad):
    """The text names the class, and operators search for it."""
    text = f"^Processor {type(bad).__name__} is not callable.$"
    with pytest.raises(ValueError, match=text):
        RoutingBackend(processors=[bad])
    with pytest.raises(ValueError, match=text):
        RoutingBackend().register_processor(bad)


def test_each_processor_gets_what_the_one_before_returned():
    """In the order in which they were given."""
    router = RoutingBackend(processors=[lambda e: {**e, "one": 1}])
    router.register_processor(lambda e: {**e, "two": e["one"] + 1})

    assert router.process_event({"name": "a"}) == {"name": "a", "one": 1, "two": 2}


def test_a_processor_that_returns_none_keeps_the_object():
    """What it changed in place counts."""
    event = {"name": "a"}
    processed = RoutingBackend(processors=[lambda e: e.update(k=1)]).process_event(event)

    assert processed is event
    assert event == {"name": "a", "k": 1}


@pytest.mark.parametrize("answer", [{}, False, 0, "", [], {"name": "b"}])
def test_anything_else_a_processor_returns_takes_the_place_of_the_event(answer):
    """Empty things too."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept}, [lambda e: answer])
    router.send(new_event())

    assert router.process_event(new_event()) is answer
    assert kept.events == [answer]


def test_without_processors_the_event_comes_back_itself():
    """`process_event` copies nothing."""
    event = new_event()

    assert RoutingBackend().process_event(event) is event


def test_an_event_that_is_dropped_reaches_no_backend_and_no_later_processor(caplog):
    """`send` returns as always, and nothing is logged: it was a decision."""
    caplog.set_level(logging.DEBUG)
    kept, later = RecordingBackend(), []
    RoutingBackend({"kept": kept}, [drop, later.append]).send(new_event())

    assert (kept.events, later, caplog.records) == ([], [], [])


def test_process_event_lets_the_drop_out():
    """Whoever calls it has to know."""
    with pytest.raises(EventEmissionExit):
        RoutingBackend(processors=[drop]).process_event(new_event())


@pytest.mark.parametrize("error", [OSError("x"), NoTransformerImplemented(), NoBackendEnabled()])
def test_a_processor_that_fails_is_logged_and_skipped(caplog, error):
    """The event goes on, with whatever it changed before."""

    def half_way(event):
        event["half"] = True
        raise error

    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [half_way, lambda e: e.update(next=1)]).send({"name": "a"})
    (record,) = records(caplog, logging.ERROR)

    assert kept.events == [{"name": "a", "half": True, "next": 1}]
    assert record.name == SOURCE
    assert record.getMessage() == f"Failed to execute processor: {half_way!r}"
    assert record.exc_info[1] is error


def test_a_backend_that_fails_is_logged_and_the_next_one_gets_the_event(caplog):
    """The line names the event and the backend, and has the traceback."""
    kept, error = RecordingBackend(), OSError("no route")
    RoutingBackend({"a": FailingBackend(error), "b": kept}).send(new_event("x.y"))
    (record,) = records(caplog, logging.ERROR)

    assert [event["name"] for event in kept.events] == ["x.y"]
    assert record.name == SOURCE
    assert record.getMessage() == 'Unable to send edx event "x.y" to backend: a'
    assert record.exc_info[1] is error


@pytest.mark.parametrize("error", [NoTransformerImplemented("t"), NoBackendEnabled("b")])
def test_a_known_condition_of_a_backend_is_one_line_of_information(caplog, error):
    """Not an error, and without a traceback."""
    caplog.set_level(logging.INFO)
    RoutingBackend({"a": FailingBackend(error)}).send(new_event())
    (record,) = caplog.records

    assert record.levelno == logging.INFO
    assert record.getMessage() == f"[send_to_backends] a: {error}"
    assert record.exc_info is None


def test_a_drop_raised_by_a_backend_is_an_error_of_that_backend(caplog):
    """Only processors decide; the other backends get the event."""
    kept = RecordingBackend()
    RoutingBackend({"a": FailingBackend(EventEmissionExit()), "b": kept}).send(new_event())

    assert len(kept.events) == 1
    assert len(records(caplog, logging.ERROR)) == 1


def test_an_event_without_a_name_does_not_break_the_error_handling(caplog):
    """The line says that there was none."""
    kept = RecordingBackend()
    RoutingBackend({"a": FailingBackend(OSError()), "b": kept}).send({"data": 1})

    assert kept.events == [{"data": 1}]
    assert 'event "None" to backend: a' in caplog.text


@pytest.mark.parametrize("method", ["send", "process_event", "send_to_backends"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program_is_not_held_up(method, error):
    """Neither by a processor nor by a backend."""

    def interrupt(event):
        raise error

    backends = {} if method == "process_event" else {"a": CallbackBackend(interrupt)}
    processors = [interrupt] if method == "process_event" else []
    with pytest.raises(error):
        getattr(RoutingBackend(backends, processors), method)(new_event())


def test_a_drop_in_a_branch_ends_that_branch_only():
    """Routers nest: a tree of filters."""
    dropped, kept = RecordingBackend(), RecordingBackend()
    branches = {"a": RoutingBackend({"x": dropped}, [drop]), "b": RoutingBackend({"y": kept})}
    RoutingBackend(branches).send(new_event())

    assert (len(dropped.events), len(kept.events)) == (0, 1)


def test_sending_to_the_backends_skips_the_processors():
    """`send_to_backends` is for an event that is processed already."""
    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [drop]).send_to_backends(new_event("x"))
    RoutingBackend().send_to_backends(new_event())

    assert [event["name"] for event in kept.events] == ["x"]


class Announcing(RoutingBackend):
    """Changes events in its own way, and hands them on in its own way."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.announced = []

    def process_event(self, event):
        return {**super().process_event(event), "own": True}

    def send_to_backends(self, event):
        self.announced.append(event["name"])
        super().send_to_backends(event)


def test_a_subclass_may_process_and_hand_on_in_its_own_way():
    """`send` goes through both methods; each event is counted once."""
    kept = RecordingBackend()
    router = Announcing({"kept": kept})
    router.send(new_event(name="a"))

    assert router.announced == ["a"]
    assert [event["own"] for event in kept.events] == [True]
    assert (router.stats()["accepted"], router.stats()["sent"]) == (1, 1)


@pytest.mark.parametrize("patched", ["instance", "class"])
@pytest.mark.parametrize("processors", [[], [lambda event: None]])
def test_both_methods_can_be_patched(patched, processors):
    """As the tests of applications do; what is patched away sends nothing."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept}, processors)
    target = router if patched == "instance" else RoutingBackend
    with (
        mock.patch.object(target, "process_event", return_value={"name": "made"}) as process,
        mock.patch.object(target, "send_to_backends") as hand_on,
    ):
        router.send(new_event())
    router.send(new_event(name="later"))

    process.assert_called_once()
    hand_on.assert_called_once_with({"name": "made"})
    assert [event["name"] for event in kept.events] == ["later"]


@pytest.mark.parametrize("error", [EventEmissionExit(), ValueError()])
def test_what_another_way_raises_stays_in_the_router(error):
    """And the event is in the books."""
    router = RoutingBackend()
    with mock.patch.object(router, "send_to_backends", side_effect=error):
        router.send(new_event())
    books = router.stats()

    assert books["accepted"] == books["filtered"] + sum(books["lost"].values()) == 1


def test_the_backends_can_be_replaced():
    """All at once."""
    old, new = RecordingBackend(), RecordingBackend()
    router = RoutingBackend({"old": old})
    router.backends = {"new": new}
    router.send(new_event(name="a"))
    router.backends = {}
    router.send(new_event(name="b"))

    assert (old.events, [event["name"] for event in new.events]) == ([], ["a"])


def test_an_exit_takes_any_arguments():
    """As every exception does: the event is dropped all the same."""
    kept = RecordingBackend()
    router = RoutingBackend(
        {"kept": kept}, [FailingBackend(EventEmissionExit("why", "else", 3)).send]
    )
    router.send(new_event())

    assert kept.events == []
    assert router.stats()["filtered"] == 1
