"""Fault injection: scripts of responses that a destination gives instead of its own."""

from __future__ import annotations

import re
from collections import deque
from typing import Any, NamedTuple

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.endpoint import DATADOG, GOOGLE_ANALYTICS, SEGMENT

DESTINATIONS = (SEGMENT, DATADOG, GOOGLE_ANALYTICS)
"""The destinations that can fail. This excludes DogStatsD, which does not respond at all."""

_STEP = re.compile(
    r"(?P<status>[2-5][0-9]{2})(?::(?P<after>[0-9]{1,6}))?"
    r"|hang(?::(?P<seconds>[0-9]{1,4}(?:\.[0-9]{1,3})?))?"
    r"|(?P<word>reset|refuse)",
    re.ASCII,
)

_SYNTAX = "a status (500), 429:2 for Retry-After, hang, hang:1.5, reset or refuse"


class Fault(NamedTuple):
    """
    One step of a script.

    Args:
        kind: `response`, `hang`, `reset` or `refuse`.
        status: The status of a response.
        retry_after: The `Retry-After` of a response, in seconds; `None` for no such header.
        seconds: How long to hang before the normal response; `None` for no limit.
    """

    kind: str
    status: int = 0
    retry_after: int | None = None
    seconds: float | None = None


class Faults:
    """The scripts of all destinations. Each request uses up one step."""

    def __init__(self) -> None:
        self.clear()

    def set_script(self, destination: Any, script: Any) -> None:
        """
        Make *destination* follow *script* in its next responses, and respond normally afterwards.

        Raises:
            ImproperlyConfigured: If there is no such destination, or the script is not valid.
        """
        if destination not in DESTINATIONS:
            names = ", ".join(DESTINATIONS)
            raise ImproperlyConfigured(
                f"Faults: destination must be one of {names}, got {destination!r}"
            )
        self._scripts[destination] = deque(parse_script(script))

    def next_fault(self, destination: str) -> Fault | None:
        """Remove and return the next step for *destination*; `None` if there is none left."""
        steps = self._scripts.get(destination)
        try:
            return steps.popleft() if steps else None
        except IndexError:
            # Another request took the last step since the check.
            return None

    def clear(self) -> None:
        """Remove all scripts."""
        self._scripts: dict[str, deque[Fault]] = {}


def parse_script(script: Any) -> list[Fault]:
    """
    Parse a script such as `500,429:2,hang:1.5,reset,200`. An empty one has no steps.

    Raises:
        ImproperlyConfigured: If a step is not valid.
    """
    if not isinstance(script, str):
        raise ImproperlyConfigured(f"Faults: script must be a string, got {script!r}")
    return [_parse_step(step.strip()) for step in script.split(",")] if script.strip() else []


def _parse_step(step: str) -> Fault:
    match = _STEP.fullmatch(step)
    if not match:
        raise ImproperlyConfigured(f"Faults: each step of a script must be {_SYNTAX}, got {step!r}")
    if status := match["status"]:
        after = match["after"]
        return Fault("response", int(status), int(after) if after else None)
    if word := match["word"]:
        return Fault(word)
    seconds = match["seconds"]
    return Fault("hang", seconds=float(seconds) if seconds else None)
