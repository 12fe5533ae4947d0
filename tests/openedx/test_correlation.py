"""The common id of events that were caused by the same action of a user."""

import asyncio
import json
import subprocess
import sys
import threading
from uuid import UUID

import pytest

from eventtracking import tracker
from eventtracking.openedx.correlation import handover, resume, root_action
from eventtracking.tracker import Tracker, register_tracker

IN_ANOTHER_PROCESS = """
import json, sys
from eventtracking import tracker
from eventtracking.openedx.correlation import resume
from eventtracking.testing import capture_events

with capture_events() as events, resume(json.loads(sys.argv[1])):
    tracker.emit("edx.grade.changed")
print(json.dumps(events[0]["context"]))
"""


def ids(events):
    return [event["context"].get("event_transaction_id") for event in events]


def test_all_events_of_an_action_have_its_id(captured_events):
    """And its type. Events before and after it have neither."""
    tracker.emit("before")
    with root_action("edx.problem.submitted") as action:
        tracker.emit("first")
        tracker.emit("second")
    tracker.emit("after")

    assert UUID(action).version == 4
    assert ids(captured_events) == [None, action, action, None]
    assert captured_events[1]["context"] == {
        "event_transaction_id": action,
        "event_transaction_type": "edx.problem.submitted",
    }


def test_every_action_has_its_own_id(captured_events):
    """Also consecutive actions in one request."""
    with root_action("a") as first, root_action("b"):
        pass
    with root_action("a") as second:
        pass

    assert first != second


def test_a_nested_action_keeps_the_outer_root(captured_events):
    """Code that starts a root action may be called within another one."""
    with root_action("outer") as outer:
        with root_action("inner") as inner:
            tracker.emit("caused")
        tracker.emit("still")

    assert inner == outer
    assert ids(captured_events) == [outer, outer]
    assert captured_events[0]["context"]["event_transaction_type"] == "outer"


def test_a_task_in_another_process_resumes_the_action(captured_events):
    """The argument of the task can be serialized as JSON, so any broker can transport it."""
    with root_action("edx.problem.submitted") as action:
        handed = json.dumps(handover())

    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, handed]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)

    assert json.loads(done.stdout) == {
        "event_transaction_id": action,
        "event_transaction_type": "edx.problem.submitted",
    }


def test_a_resumed_action_is_the_root_of_nested_actions(captured_events):
    """A task may start other tasks."""
    with root_action("a") as action:
        handed = handover()
    with resume(handed), root_action("b") as inner:
        handed_on = handover()

    assert inner == action
    assert handed_on == handed


def test_a_task_that_runs_synchronously_does_not_affect_its_caller(captured_events):
    """The action of the caller is restored."""
    with root_action("a") as action:
        with resume({"event_transaction_id": "x", "event_transaction_type": "y"}):
            tracker.emit("in the task")
        tracker.emit("after it")

    assert ids(captured_events) == ["x", action]


def test_a_new_thread_has_no_action_and_can_resume_one(captured_events):
    """Threads do not share contexts."""

    def work(handed):
        tracker.emit("alone")
        with resume(handed):
            tracker.emit("resumed")

    with root_action("a") as action:
        thread = threading.Thread(target=work, args=(handover(),))
        thread.start()
        thread.join(30)

    assert ids(captured_events) == [None, action]


def test_concurrent_tasks_keep_their_actions_apart(captured_events):
    """Also while they await."""

    async def act(name):
        with root_action(name) as action:
            await asyncio.sleep(0)
            tracker.emit(name)
            await asyncio.sleep(0)
        return action

    async def act_together():
        return await asyncio.gather(*map(act, "abc"))

    actions = asyncio.run(act_together())

    assert len({*actions}) == 3
    assert ids(captured_events) == actions


@pytest.mark.parametrize(
    "handed",
    [
        None,
        {},
        "text",
        [],
        {"event_transaction_id": "x"},
        {"event_transaction_id": 5, "event_transaction_type": "y"},
    ],
)
def test_a_task_without_an_action_runs(captured_events, handed):
    """It may have been queued by an older release, or outside of an action."""
    with resume(handed):
        tracker.emit("a")

    assert captured_events[0]["context"] == {}


def test_only_the_two_fields_are_resumed(captured_events):
    """Fields that a queue adds are not in the events."""
    handed = {"event_transaction_id": "x", "event_transaction_type": "y", "user_id": 7}
    with resume(handed):
        tracker.emit("a")

    assert sorted(captured_events[0]["context"]) == [
        "event_transaction_id",
        "event_transaction_type",
    ]


def test_the_handover_is_empty_outside_of_an_action():
    """With and without a tracker."""
    before = handover()
    register_tracker(Tracker())

    assert (before, handover()) == ({}, {})


def test_the_handover_is_a_copy(captured_events):
    """Changing it does not change events."""
    with root_action("a") as action:
        handover().clear()
        tracker.emit("a")

    assert ids(captured_events) == [action]


def test_an_action_has_an_id_without_a_tracker():
    """Code within the action can rely on it."""
    with root_action("a") as action:
        assert UUID(action)
