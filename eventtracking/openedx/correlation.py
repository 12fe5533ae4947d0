"""
Give all events that were caused by the same action of a user a common id.

    with root_action("edx.course.enrollment"):
        tracker.emit("edx.course.enrollment.activated", {...})
        send_welcome.delay(user_id, events=handover())

    def send_welcome(user_id, events):      # in a task, in another process
        with resume(events):
            tracker.emit("edx.email.sent", {...})

Both events have the same `event_transaction_id` in their context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeGuard
from uuid import uuid4

from eventtracking import tracker

CONTEXT_NAME = "edx.event_transaction"
"""The name of the context that holds the root action."""

_ID = "event_transaction_id"
_TYPE = "event_transaction_type"


@contextmanager
def root_action(kind: str) -> Iterator[str]:
    """
    Add the id of a root action to every event of a `with` block, and yield that id.

    Inside the block of another root action, the outer action stays the root.

    Args:
        kind: The action of the user, such as `edx.grades.problem.submitted`.
    """
    action = handover() or {_ID: str(uuid4()), _TYPE: kind}
    with tracker.context(CONTEXT_NAME, action):
        yield action[_ID]


def handover() -> dict[str, str]:
    """
    Return the current root action as a dict of texts, or `{}` if there is none.

    It can be an argument of a task with any serialization.
    """
    registered = tracker.TRACKERS.get(tracker.DEFAULT_TRACKER_NAME)
    return dict(registered.located_context.get(CONTEXT_NAME, {})) if registered else {}


@contextmanager
def resume(handed: Mapping[str, Any] | None) -> Iterator[None]:
    """
    Add the root action *handed* to the events of a `with` block.

    Args:
        handed: The result of `handover`. If it is empty or anything else, the events are
            unchanged.
    """
    if not _is_action(handed):
        yield
        return
    with tracker.context(CONTEXT_NAME, {_ID: handed[_ID], _TYPE: handed[_TYPE]}):
        yield


def _is_action(handed: Any) -> TypeGuard[Mapping[str, str]]:
    is_mapping = isinstance(handed, Mapping)
    return is_mapping and all(isinstance(handed.get(field), str) for field in (_ID, _TYPE))
