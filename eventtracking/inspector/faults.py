"""Scripts of answers that a destination gives instead of its own: the trouble to prepare for."""

from __future__ import annotations

import re
from collections import deque
from typing import Any, NamedTuple

from eventtracking.exceptions import ImproperlyConfigured

DESTINATIONS = ("segment", "datadog", "google_analytics")
"""Who can be told to fail. DogStatsD answers nothing, so it has nothing to fail with."""

_STEP = re.compile(
    r"(?P<status>[2-5][0-9]{2})(?::(?P<after>[0-9]{1,6}))?"
    r"|hang(?::(?P<seconds>[0-9]{1,4}(?:\.[0-9]{1,3})?))?"
    r"|(?P<word>reset|refuse)",
    re.ASCII,
)

_SYNTAX = "a status (500), 429:2 for Retry-After, hang, hang:1.5, reset or refuse"


class Fault(NamedTuple):
    """
    One answer of a script.

    Args:
        kind: `answer`, `hang`, `reset` or `refuse`.
        status: Of an answer.
        retry_after: Seconds, for the header of an answer; `None` for no header.
        seconds: How long a hang lasts, before the normal answer; `None` for ever.
    """

    kind: str
    status: int = 0
    retry_after: int | None = None
    seconds: float | None = None


class Faults:
    """The scripts of the destinations, consumed by one answer a request."""

    def __init__(self) -> None:
        self.clear()

    def script(self, destination: Any, script: Any) -> None:
        """
        Let *destination* answer its next requests as *script* says, then as always.

        Raises:
            ImproperlyConfigured: If there is no such destination, or the script is wrong.
        """
        if destination not in DESTINATIONS:
            names = ", ".join(DESTINATIONS)
            raise ImproperlyConfigured(f"faults: destination must be {names}, got {destination!r}")
        self._scripts[destination] = deque(parse(script))

    def next(self, destination: str) -> Fault | None:
        """Return the next answer of the script of *destination*; `None` if there is none."""
        steps = self._scripts.get(destination)
        try:
            return steps.popleft() if steps else None
        except IndexError:
            # Another request took the last one in between.
            return None

    def clear(self) -> None:
        """Forget all scripts."""
        self._scripts: dict[str, deque[Fault]] = {}


def parse(script: Any) -> list[Fault]:
    """
    Read a script such as `500,429:2,hang:1.5,reset,200`. An empty one has no faults.

    Raises:
        ImproperlyConfigured: If a step of it cannot be understood.
    """
    if not isinstance(script, str):
        raise ImproperlyConfigured(f"faults: script must be text, got {script!r}")
    return [_fault(step.strip()) for step in script.split(",")] if script.strip() else []


def _fault(step: str) -> Fault:
    match = _STEP.fullmatch(step)
    if not match:
        raise ImproperlyConfigured(f"faults: a step of a script must be {_SYNTAX}; got {step!r}")
    if status := match["status"]:
        after = match["after"]
        return Fault("answer", int(status), int(after) if after else None)
    if word := match["word"]:
        return Fault(word)
    seconds = match["seconds"]
    return Fault("hang", seconds=float(seconds) if seconds else None)
