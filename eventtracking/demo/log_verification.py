"""Verify that the log holds the events of a simulation, without passwords and within the limit."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from eventtracking.demo.simulation import MAX_LINE_BYTES, Step
from eventtracking.journal import read
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.serialization import encode

_REDACTED = SensitiveFieldGuard().replacement


def verify_log(log: str, steps: Sequence[Step]) -> list[str]:
    """Return a line for each problem with the events of *steps* in the file at *log*."""
    # Reading a device may never end.
    if not os.path.isfile(log):
        return [f"{log} is not a regular file, so it cannot be verified"]
    try:
        events = _events_by_request(log, {step.id for step in steps})
        leaked = _steps_with_leaked_passwords(log, steps)
    except OSError as error:
        return [f"{log} cannot be read: {error.strerror}"]
    problems = [problem for step in steps for problem in _problems(step, events[step.id])]
    return problems + [f"with its password in the log: {step}" for step in leaked]


def _events_by_request(log: str, ids: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the events of the requests with these *ids*; the log may hold earlier runs as well."""
    events = defaultdict(list)
    for event in read(log):
        request_id = _context(event).get("request_id")
        if isinstance(request_id, str) and request_id in ids:
            events[request_id].append(event)
    return events


def _steps_with_leaked_passwords(log: str, steps: Sequence[Step]) -> list[Step]:
    """Return the steps whose password is anywhere in the bytes of *log*."""
    passwords = [
        (step, step.form["password"].encode()) for step in steps if "password" in step.form
    ]
    leaked = set()
    with open(log, "rb") as lines:
        for line in lines:
            leaked |= {step.id for step, password in passwords if password in line}
    return [step for step in steps if step.id in leaked]


def _problems(step: Step, events: Sequence[dict[str, Any]]) -> Iterator[str]:
    expected = 0 if step.is_dropped else 1
    if len(events) < expected:
        yield f"missing: {step}"
    elif len(events) > expected:
        yield f"{len(events)} times instead of {expected}: {step}"
    for event in events:
        if event.get("name") != step.event:
            yield f"with the wrong name, {event.get('name')!r}: {step}"
        user = _context(event).get("username")
        if user != step.user:
            yield f"with the wrong user, {user!r}: {step}"
        yield from (f"{problem}: {step}" for problem in _guard_problems(step, event))


def _guard_problems(step: Step, event: dict[str, Any]) -> Iterator[str]:
    """Yield a text for each guard that should have changed *event* and did not."""
    data, truncation = event.get("data"), _context(event).get("truncated")
    data = data if isinstance(data, dict) else {}
    size = len(encode(event))
    if size > MAX_LINE_BYTES:
        yield f"in {size} bytes, more than {MAX_LINE_BYTES}"
    elif "essay" in step.form and not _is_marked_as_truncated(data.get("essay"), truncation):
        yield "without a mark of its truncation"
    if "password" in step.form and data.get("password") != _REDACTED:
        yield f"without {_REDACTED} for its password"


def _is_marked_as_truncated(essay: Any, truncation: Any) -> bool:
    is_truncated = isinstance(essay, str) and essay.endswith(" bytes removed]")
    has_path = isinstance(truncation, dict) and truncation.get("paths") == ["/data/essay"]
    return is_truncated and has_path


def _context(event: dict[str, Any]) -> dict[str, Any]:
    context = event.get("context")
    return context if isinstance(context, dict) else {}
