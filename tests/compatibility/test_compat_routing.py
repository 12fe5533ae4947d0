"""Compatibility: how a router orders, validates and runs processors and backends."""

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
    """Digits come first, then capitals, then lower-case letters."""
    reached = []
    names = ["b", "a", "B", "1"]
    router = RoutingBackend(
        {name: CallbackBackend(lambda e, n=name: reached.append(n)) for name in names}
    )
    router.send(new_event())

    assert reached == ["1", "B", "a", "b"]
    assert list(router.backends) == reached


def test_a_backend_that_is_registered_later_comes_last():
    """A backend that replaces another of the same name keeps its place."""
    first, second, third = RecordingBackend(), RecordingBackend(), RecordingBackend()
    router = RoutingBackend({"m": first})
    router.register_backend("a", second)
    router.register_backend("m", third)

    assert list(router.backends.items()) == [("m", third), ("a", second)]


def test_backend_names_of_several_types_are_a_type_error():
    """They cannot be sorted when the router is built."""
    with pytest.raises(TypeError):
        RoutingBackend({"a": RecordingBackend(), 1: RecordingBackend()})


def test_backends_must_be_a_mapping():
    """The backends in a list would have no names."""
    with pytest.raises(AttributeError):
        RoutingBackend([RecordingBackend()])


@pytest.mark.parametrize("bad", [NotABackend(), None, object(), "text", {}])
def test_a_backend_must_have_a_send(bad):
    """The message, which operators search for, names the class."""
    text = f'^Backend {type(bad).__name__} does not have a callable "send" method.$'
    with pytest.raises(ValueError, match=text):
        RoutingBackend({"a": bad})
    with pytest.raises(ValueError, match=text):
        RoutingBackend().register_backend("a", bad)


@pytest.mark.parametrize("bad", [NotABackend(), None, object(), "text", {}])
def test_a_processor_must_be_callable(bad):
    """The message, which operators search for, names the class."""
    text = f"^Processor {type(bad).__name__} is not callable.$"
    with pytest.raises(ValueError, match=text):
        RoutingBackend(processors=[bad])
    with pytest.raises(ValueError, match=text):
        RoutingBackend().register_processor(bad)


def test_each_processor_gets_the_event_that_the_previous_one_returned():
    """Processors run in the order in which they were given."""
    router = RoutingBackend(processors=[lambda e: {**e, "one": 1}])
    router.register_processor(lambda e: {**e, "two": e["one"] + 1})

    assert router.process_event({"name": "a"}) == {"name": "a", "one": 1, "two": 2}


def test_a_processor_that_returns_none_keeps_the_event():
    """Changes that it made in place remain."""
    event = {"name": "a"}
    processed = RoutingBackend(processors=[lambda e: e.update(k=1)]).process_event(event)

    assert processed is event
    assert event == {"name": "a", "k": 1}


@pytest.mark.parametrize("returned", [{}, False, 0, "", [], {"name": "b"}])
def test_any_other_value_that_a_processor_returns_replaces_the_event(returned):
    """Empty values do so as well."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept}, [lambda e: returned])
    router.send(new_event())

    assert router.process_event(new_event()) is returned
    assert kept.events == [returned]


def test_without_processors_process_event_returns_the_event_itself():
    """`process_event` makes no copy."""
    event = new_event()

    assert RoutingBackend().process_event(event) is event


def test_a_dropped_event_reaches_no_backend_and_no_later_processor(caplog):
    """`send` returns normally and logs nothing, since the drop was intended."""
    caplog.set_level(logging.DEBUG)
    kept, later = RecordingBackend(), []
    RoutingBackend({"kept": kept}, [drop, later.append]).send(new_event())

    assert (kept.events, later, caplog.records) == ([], [], [])


def test_process_event_raises_the_exception_of_a_drop():
    """Its caller has to know that the event was dropped."""
    with pytest.raises(EventEmissionExit):
        RoutingBackend(processors=[drop]).process_event(new_event())


@pytest.mark.parametrize("error", [OSError("x"), NoTransformerImplemented(), NoBackendEnabled()])
def test_a_failing_processor_is_logged_and_skipped(caplog, error):
    """The event goes on, with the changes that the processor made before it failed."""

    def fail_halfway(event):
        event["half"] = True
        raise error

    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [fail_halfway, lambda e: e.update(next=1)]).send({"name": "a"})
    (record,) = records(caplog, logging.ERROR)

    assert kept.events == [{"name": "a", "half": True, "next": 1}]
    assert record.name == SOURCE
    assert record.getMessage() == f"Failed to execute processor: {fail_halfway!r}"
    assert record.exc_info[1] is error


def test_a_failing_backend_is_logged_and_the_next_one_gets_the_event(caplog):
    """The message names the event and the backend, and has the traceback."""
    kept, error = RecordingBackend(), OSError("no route")
    RoutingBackend({"a": FailingBackend(error), "b": kept}).send(new_event("x.y"))
    (record,) = records(caplog, logging.ERROR)

    assert [event["name"] for event in kept.events] == ["x.y"]
    assert record.name == SOURCE
    assert record.getMessage() == 'Unable to send edx event "x.y" to backend: a'
    assert record.exc_info[1] is error


@pytest.mark.parametrize("error", [NoTransformerImplemented("t"), NoBackendEnabled("b")])
def test_a_known_condition_of_a_backend_is_logged_as_information(caplog, error):
    """It is not an error, and has no traceback."""
    caplog.set_level(logging.INFO)
    RoutingBackend({"a": FailingBackend(error)}).send(new_event())
    (record,) = caplog.records

    assert record.levelno == logging.INFO
    assert record.getMessage() == f"[send_to_backends] a: {error}"
    assert record.exc_info is None


def test_a_drop_raised_by_a_backend_is_an_error_of_that_backend(caplog):
    """Only processors may drop an event; the other backends get it."""
    kept = RecordingBackend()
    RoutingBackend({"a": FailingBackend(EventEmissionExit()), "b": kept}).send(new_event())

    assert len(kept.events) == 1
    assert len(records(caplog, logging.ERROR)) == 1


def test_an_event_without_a_name_does_not_break_the_error_handling(caplog):
    """The message gives its name as None."""
    kept = RecordingBackend()
    RoutingBackend({"a": FailingBackend(OSError()), "b": kept}).send({"data": 1})

    assert kept.events == [{"data": 1}]
    assert 'event "None" to backend: a' in caplog.text


@pytest.mark.parametrize("method", ["send", "process_event", "send_to_backends"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_exceptions_that_end_a_program_are_passed_on(method, error):
    """A processor or a backend may raise them."""

    def interrupt(event):
        raise error

    backends = {} if method == "process_event" else {"a": CallbackBackend(interrupt)}
    processors = [interrupt] if method == "process_event" else []
    with pytest.raises(error):
        getattr(RoutingBackend(backends, processors), method)(new_event())


def test_a_drop_in_a_nested_router_affects_only_that_router():
    """Routers can be nested to build a tree of filters."""
    dropped, kept = RecordingBackend(), RecordingBackend()
    branches = {"a": RoutingBackend({"x": dropped}, [drop]), "b": RoutingBackend({"y": kept})}
    RoutingBackend(branches).send(new_event())

    assert (len(dropped.events), len(kept.events)) == (0, 1)


def test_send_to_backends_skips_the_processors():
    """It is meant for an event that is already processed."""
    kept = RecordingBackend()
    RoutingBackend({"kept": kept}, [drop]).send_to_backends(new_event("x"))
    RoutingBackend().send_to_backends(new_event())

    assert [event["name"] for event in kept.events] == ["x"]


class OverridingRouter(RoutingBackend):
    """Overrides both steps of `send`."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.names = []

    def process_event(self, event):
        return {**super().process_event(event), "own": True}

    def send_to_backends(self, event):
        self.names.append(event["name"])
        super().send_to_backends(event)


def test_a_subclass_may_override_both_steps_of_send():
    """`send` calls both methods, and each event is counted once."""
    kept = RecordingBackend()
    router = OverridingRouter({"kept": kept})
    router.send(new_event(name="a"))

    assert router.names == ["a"]
    assert [event["own"] for event in kept.events] == [True]
    assert (router.stats()["accepted"], router.stats()["sent"]) == (1, 1)


@pytest.mark.parametrize("patched", ["instance", "class"])
@pytest.mark.parametrize("processors", [[], [lambda event: None]])
def test_both_steps_of_send_can_be_patched(patched, processors):
    """Tests of applications do so; a patched `send_to_backends` sends nothing."""
    kept = RecordingBackend()
    router = RoutingBackend({"kept": kept}, processors)
    target = router if patched == "instance" else RoutingBackend
    with (
        mock.patch.object(target, "process_event", return_value={"name": "made"}) as process,
        mock.patch.object(target, "send_to_backends") as send_to_backends,
    ):
        router.send(new_event())
    router.send(new_event(name="later"))

    process.assert_called_once()
    send_to_backends.assert_called_once_with({"name": "made"})
    assert [event["name"] for event in kept.events] == ["later"]


@pytest.mark.parametrize("error", [EventEmissionExit(), ValueError()])
def test_an_error_of_an_overridden_method_stays_in_the_router(error):
    """The event is counted."""
    router = RoutingBackend()
    with mock.patch.object(router, "send_to_backends", side_effect=error):
        router.send(new_event())
    stats = router.stats()

    assert stats["accepted"] == stats["filtered"] + sum(stats["lost"].values()) == 1


def test_the_backends_can_be_replaced():
    """Assigning a mapping replaces all of them at once."""
    old, new = RecordingBackend(), RecordingBackend()
    router = RoutingBackend({"old": old})
    router.backends = {"new": new}
    router.send(new_event(name="a"))
    router.backends = {}
    router.send(new_event(name="b"))

    assert (old.events, [event["name"] for event in new.events]) == ([], ["a"])


def test_event_emission_exit_takes_any_arguments():
    """The event is dropped whatever the arguments are."""
    kept = RecordingBackend()
    router = RoutingBackend(
        {"kept": kept}, [FailingBackend(EventEmissionExit("why", "else", 3)).send]
    )
    router.send(new_event())

    assert kept.events == []
    assert router.stats()["filtered"] == 1
