"""Test support for applications: captured events, and the pytest fixture."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from core_fakes import RecordingBackend, drop

from eventtracking.backends.routing import RoutingBackend
from eventtracking.testing import CapturedEvents, capture_events
from eventtracking.tracker import TRACKERS, Tracker, emit, get_tracker, register_tracker


@pytest.fixture
def kept():
    return RecordingBackend()


@pytest.fixture
def tracker(kept):
    tracker = Tracker({"kept": kept})
    register_tracker(tracker)
    return tracker


def names(events):
    return [event["name"] for event in events]


def test_events_are_collected_instead_of_sent(tracker, kept):
    """The backends get no event of a test."""
    with capture_events() as captured:
        emit("a", {"k": 1})

    assert names(captured) == ["a"]
    assert captured[0]["data"] == {"k": 1}
    assert kept.events == []


def test_the_tracker_is_restored_when_the_block_ends(tracker, kept):
    """The backends get events again, and their statistics did not change."""
    router = tracker.routing_backend
    before = tracker.stats()
    with capture_events() as captured:
        emit("inside")
    assert tracker.stats() == before
    emit("outside")

    assert names(captured) == ["inside"]
    assert names(kept.events) == ["outside"]
    assert get_tracker() is tracker
    assert tracker.routing_backend is router


def test_the_tracker_is_restored_when_the_block_raises(tracker, kept):
    """A failing test does not affect the next one."""
    with pytest.raises(ZeroDivisionError), capture_events():
        raise ZeroDivisionError
    emit("outside")

    assert names(kept.events) == ["outside"]


def test_the_captured_events_are_a_list(tracker):
    """They can be counted, indexed, iterated over and compared."""
    with capture_events() as captured:
        assert captured == []
        emit("a")
        emit("b")

    assert len(captured) == 2
    assert captured[-1]["name"] == "b"
    assert isinstance(captured, list)


def test_events_are_captured_after_the_processors(tracker):
    """The test sees each event as the backends would get it."""
    tracker.processors.append(lambda e: drop(e) if e["name"] == "no" else e["data"].update(seen=1))
    with capture_events() as captured:
        emit("yes")
        emit("no")

    assert names(captured) == ["yes"]
    assert captured[0]["data"] == {"seen": 1}


def test_a_processor_added_inside_the_block_runs_and_stays(tracker):
    """The list of processors is the tracker's own."""
    with capture_events() as captured:
        tracker.processors.append(drop)
        emit("a")

    assert captured == []
    assert tracker.processors == [drop]


def test_events_carry_their_contexts(tracker):
    """Contexts entered before the block and inside it are both there."""
    tracker.enter_context("outer", {"user": 1})
    with capture_events() as captured, tracker.context("inner", {"form": "f"}):
        emit("a")
    tracker.exit_context("outer")

    assert captured[0]["context"] == {"user": 1, "form": "f"}


def test_with_passthrough_the_backends_get_the_events_as_well(tracker, kept):
    """Each event is processed once."""
    ran = []
    tracker.processors.append(lambda event: ran.append(event["name"]))
    with capture_events(passthrough=True) as captured:
        emit("a")

    assert names(captured) == names(kept.events) == ran == ["a"]
    assert captured[0] is not kept.events[0]
    assert tracker.stats()["backends"]["kept"]["sent"] == 1


def test_blocks_nest(tracker, kept):
    """The innermost block collects the events, and its end restores the outer one."""
    with capture_events() as outer:
        emit("1")
        with capture_events() as inner:
            emit("2")
        emit("3")
    emit("4")

    assert (names(outer), names(inner), names(kept.events)) == (["1", "3"], ["2"], ["4"])


def test_a_nested_block_with_passthrough_passes_events_to_the_outer_one(tracker, kept):
    """The outer block still keeps them from the backends."""
    with capture_events() as outer, capture_events(passthrough=True) as inner:
        emit("a")

    assert (names(outer), names(inner), kept.events) == (["a"], ["a"], [])


def test_without_a_default_tracker_the_block_has_its_own(caplog):
    """A test needs no configuration, and leaves no tracker behind."""
    with capture_events() as captured:
        emit("a")
        assert get_tracker()

    assert names(captured) == ["a"]
    assert dict(TRACKERS) == {}
    assert caplog.messages == []


def test_other_trackers_are_not_captured(tracker):
    """Only the default tracker is captured."""
    kept = RecordingBackend()
    second = Tracker({"kept": kept})
    register_tracker(second, "second")
    with capture_events() as captured:
        second.emit("a")

    assert (captured, names(kept.events)) == ([], ["a"])


def test_a_captured_event_is_a_copy(tracker):
    """The application may change its data afterwards."""
    data = {"list": [1]}
    with capture_events() as captured:
        emit("a", data)
        data["list"].append(2)

    assert captured[0]["data"] == {"list": [1]}


def event(name="a", data=None, context=None):
    return {"name": name, "data": data or {}, "context": context or {}}


EVENTS = CapturedEvents(
    [
        event("a", {"k": 1, "deep": {"x": 1, "y": [1, 2]}}, {"user": 1}),
        event("a", {"k": 2}, {"user": 2}),
        event("b"),
    ]
)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"name": "a"}, [0, 1]),
        ({"name": "b"}, [2]),
        ({"name": "a", "count": 2}, [0, 1]),
        ({"name": "a", "data_subset": {"k": 1}}, [0]),
        ({"name": "a", "data_subset": {"deep": {"x": 1}}}, [0]),
        ({"name": "a", "data_subset": {"deep": {"y": [1, 2]}}}, [0]),
        ({"name": "a", "data_subset": {"deep": {}}}, [0]),
        ({"name": "a", "data_subset": {}}, [0, 1]),
        ({"name": "a", "context_subset": {"user": 2}}, [1]),
        ({"name": "a", "data_subset": {"k": 2}, "context_subset": {"user": 2}}, [1]),
        ({"name": "a", "data_subset": {"k": 1}, "count": 1}, [0]),
        ({"name": "c", "count": 0}, []),
        ({"name": "a", "data_subset": {"k": 3}, "count": 0}, []),
    ],
)
def test_an_assertion_that_holds_returns_the_events(arguments, found):
    """A test can make further assertions about them."""
    assert EVENTS.assert_emitted(**arguments) == [EVENTS[index] for index in found]


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "c"},
        {"name": "A"},
        {"name": "a", "count": 1},
        {"name": "a", "count": 0},
        {"name": "a", "count": 3},
        {"name": "a", "data_subset": {"k": 3}},
        {"name": "a", "data_subset": {"missing": None}},
        {"name": "a", "data_subset": {"deep": {"x": 2}}},
        {"name": "a", "data_subset": {"deep": {"y": [1]}}},
        {"name": "a", "data_subset": {"k": {"x": 1}}},
        {"name": "a", "context_subset": {"user": 3}},
        {"name": "a", "data_subset": {"k": 1}, "context_subset": {"user": 2}},
        {"name": "b", "data_subset": {"k": 1}},
    ],
)
def test_an_assertion_that_does_not_hold_fails(arguments):
    """It raises an `AssertionError`, which every test runner understands."""
    with pytest.raises(AssertionError):
        EVENTS.assert_emitted(**arguments)


def test_a_failed_assertion_shows_the_events_of_that_name():
    """The reader sees how they differ."""
    with pytest.raises(AssertionError) as raised:
        EVENTS.assert_emitted("a", {"k": 3}, {"user": 1}, count=1)

    assert str(raised.value).splitlines() == [
        "expected 1 event(s) 'a', data with {'k': 3}, context with {'user': 1}; found 0",
        f"  {EVENTS[0]!r}",
        f"  {EVENTS[1]!r}",
    ]


def test_a_failed_assertion_shows_the_emitted_names_if_none_matches():
    """The name may be misspelled."""
    with pytest.raises(AssertionError) as raised:
        EVENTS.assert_emitted("aa")

    assert str(raised.value).splitlines() == [
        "expected at least 1 event(s) 'aa'; found 0",
        "  emitted names: ['a', 'b']",
    ]


def test_events_of_a_name_can_be_listed():
    """`named` makes no assertion."""
    assert EVENTS.named("b") == [EVENTS[2]]
    assert EVENTS.named("c") == []


def test_data_that_is_not_a_mapping_matches_no_subset():
    """Such an event does not match, and does not cause an error."""
    events = CapturedEvents([event("a", "text")])

    assert events.assert_emitted("a", count=1)
    assert events.assert_emitted("a", {"k": 1}, count=0) == []


def test_the_plugin_is_found_by_its_entry_point():
    """Installing the package is enough to make the fixture available."""
    (found,) = [each for each in entry_points(group="pytest11") if each.name == "eventtracking"]

    assert found.value == "eventtracking.pytest_plugin"


APPLICATION_TESTS = """
    from eventtracking import tracker

    def test_one(captured_events):
        '''Emits an event and asserts it.'''
        with tracker.context("request", {"user": 1}):
            tracker.emit("a.b", {"k": 1, "more": 2})
        captured_events.assert_emitted("a.b", {"k": 1}, {"user": 1}, count=1)

    def test_two(captured_events):
        '''Starts without the events of the first test.'''
        assert captured_events == []

    def test_three():
        '''Finds no tracker that another test left behind.'''
        assert tracker.TRACKERS == {}

    def test_failing(captured_events):
        '''Fails with the message of the assertion.'''
        tracker.emit("a")
        captured_events.assert_emitted("b")
"""


@pytest.fixture
def run(pytester):
    """Run the tests of an application in another process."""
    pytester.makepyfile(APPLICATION_TESTS)
    return lambda *args: pytester.runpytest_subprocess("-p", "no:randomly", *args)


def test_the_fixture_works_in_the_tests_of_an_application(run):
    """Each test has its own events, and nothing is left behind."""
    result = run()

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: expected at least 1 event(s) 'b'; found 0"])
    assert "testing.py" not in result.stdout.str().partition("short test summary")[0]


def test_the_fixture_is_listed_with_its_description(run):
    """`pytest --fixtures` describes it."""
    run("--fixtures").stdout.fnmatch_lines(
        ["captured_events*", "*Collect the events of the test instead of sending them*"]
    )


def test_the_fixture_leaves_a_registered_tracker_as_it_was(pytester):
    """A `conftest.py` may have registered one."""
    pytester.makepyfile(
        """
        import pytest
        from eventtracking.tracker import Tracker, emit, get_tracker, register_tracker

        tracker = Tracker()
        register_tracker(tracker)
        router = tracker.routing_backend

        def test_inside(captured_events):
            emit("a")
            assert get_tracker() is tracker
            assert captured_events.assert_emitted("a")

        def test_outside():
            assert get_tracker() is tracker
            assert tracker.routing_backend is router
            assert tracker.stats()["emitted"] == 0
        """
    )

    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)


def test_the_plugin_imports_nothing_of_the_package():
    """pytest loads it in every project that has this package installed."""
    code = (
        "import sys, pytest; before = set(sys.modules); import eventtracking.pytest_plugin;"
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=300
    )

    assert run.stdout.strip() == "['eventtracking', 'eventtracking.pytest_plugin']"


def test_a_router_that_overrides_process_event_is_captured_too(kept):
    """Captured events and those that are passed through are processed by the override."""

    class Marking(RoutingBackend):
        def process_event(self, event):
            return {**super().process_event(event), "own": 1}

    tracker = Tracker()
    tracker.routing_backend = Marking({"kept": kept})
    register_tracker(tracker)
    with capture_events(passthrough=True) as events:
        emit("a")

    assert [event["own"] for event in (*events, *kept.events)] == [1, 1]
