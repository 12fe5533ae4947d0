"""Benchmarks of `emit` and of imports, each with a hand-written floor."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from eventtracking import journal
from eventtracking.backends.log_file import LogFileBackend
from eventtracking.processors.legacy import LegacyFieldMappingProcessor
from eventtracking.tracker import Tracker

NAME = "edx.course.enrollment.activated"

DATA = {
    "course_id": "course-v1:ExampleX+CS101+2026_T3",
    "user_id": 1234567,
    "mode": "verified",
    "previous_mode": "audit",
    "is_active": True,
    "seat": {"sku": "8CF08E5", "price": 49.0, "currency": "USD"},
}

PROCESS = {"host": "web-7.example.org", "release": "2026.11.23-1a2b3c4d", "event_source": "server"}

REQUEST = {
    "user_id": 1234567,
    "username": "ana.example",
    "session": "0f3c5f6e7a8b9c0d1e2f3a4b5c6d7e8f",
    "ip": "203.0.113.9",
    "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36",
    "path": "/courses/course-v1:ExampleX+CS101+2026_T3/courseware/week_1/lesson_2/",
    "referer": "https://learn.example.org/courses/course-v1:ExampleX+CS101+2026_T3/about",
    "accept_language": "pt-BR,pt;q=0.9,en;q=0.8",
    "client_id": "1162820436.1749482504",
}

THREADS = 4

Timed = Callable[[int], float]
"""Does the measured work a number of times, and returns the seconds that it took."""


class Case(NamedTuple):
    """A row of the table: the floor, this package, the target ratio, and a check of both."""

    work: str
    floor: Timed
    ours: Timed
    target: float
    check: Callable[[], None] = lambda: None


class Noop:
    """A backend that costs only the call."""

    read_only = True

    def send(self, event: dict[str, Any], /) -> None:
        """Do nothing."""


def single_threaded(folder: Path) -> list[Case]:
    """Return the cases of one thread."""
    noop = Noop()
    log, log_floor = folder / "ours.log", folder / "floor.log"
    write = _write_by_hand(log_floor)
    processors = [_add_release, _keep, _keep, LegacyFieldMappingProcessor()]
    processed = _tracker(noop, processors=processors)
    return [
        Case("emit, no-op read_only backend", by_hand(noop.send), _emits(_tracker(noop)), 2.0),
        Case("emit, 4 processors", _processed_by_hand(noop), _emits(processed), 4.0),
        Case("emit to a log file", by_hand(write), *_logged(log, log_floor, 1.6)),
    ]


def with_threads(folder: Path) -> list[Case]:
    """Return the cases of several threads at once."""
    log, log_floor = folder / "ours-threads.log", folder / "floor-threads.log"
    write = _write_by_hand(log_floor)
    ours, target, check = _logged(log, log_floor, 2.0)
    floor = _in_threads(by_hand(write))
    return [Case(f"emit to a log file, {THREADS} threads", floor, _in_threads(ours), target, check)]


def payload_sizes() -> tuple[Timed, Timed]:
    """Return the no-op emit with the ordinary payload, and with one of 100 KB."""
    tracker = _tracker(Noop())
    return _emits(tracker), _emits(tracker, {**DATA, "answers": ["x" * 100] * 1000})


def import_times(rounds: int) -> tuple[float, float]:
    """Return the milliseconds of a bare interpreter, and of one that imports the tracker."""
    pairs = [(_run_time("pass"), _run_time("import eventtracking.tracker")) for _ in range(rounds)]
    bare, ours = zip(*pairs, strict=True)
    return statistics.median(bare), statistics.median(ours)


def _tracker(backend: Any, *, processors: Any = ()) -> Tracker:
    tracker = Tracker({"measured": backend}, processors=processors)
    tracker.enter_context("process", PROCESS)
    tracker.enter_context("request", REQUEST)
    return tracker


def _emits(tracker: Tracker, data: dict[str, Any] = DATA) -> Timed:
    emit = tracker.emit

    def timed(events: int) -> float:
        start = time.perf_counter()
        for _ in range(events):
            emit(NAME, data)
        return time.perf_counter() - start

    return timed


def by_hand(send: Callable[[dict[str, Any]], Any]) -> Timed:
    """Return the floor of `emit`: it builds the event and calls *send*."""

    def emit(name: str, data: dict[str, Any]) -> None:
        send(
            {
                "name": name,
                "timestamp": datetime.now(UTC),
                "data": data,
                "context": {**PROCESS, **REQUEST},
            }
        )

    def timed(events: int) -> float:
        start = time.perf_counter()
        for _ in range(events):
            emit(NAME, DATA)
        return time.perf_counter() - start

    return timed


def _processed_by_hand(noop: Noop) -> Timed:
    def send(event: dict[str, Any]) -> None:
        event["data"] = {**event["data"]}
        for processor in (_add_release, _keep, _keep, _legacy):
            event = processor(event) or event
        noop.send(event)

    return by_hand(send)


def _legacy(event: dict[str, Any]) -> None:
    """Do the minimum of what `LegacyFieldMappingProcessor` does to a server event."""
    context = event["context"]
    for field in ("username", "session", "ip", "agent", "host", "referer", "accept_language"):
        event[field] = context.pop(field, "")
    context.pop("client_id", None)
    event["event"] = event.pop("data")
    event["time"] = event.pop("timestamp")


def _add_release(event: dict[str, Any]) -> dict[str, Any]:
    event["context"]["release"] = "2026.11.23"
    return event


def _keep(event: dict[str, Any]) -> dict[str, Any]:
    return event


def _write_by_hand(path: Path) -> Callable[[dict[str, Any]], Any]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def send(event: dict[str, Any]) -> None:
        os.write(descriptor, orjson.dumps(event, None, orjson.OPT_APPEND_NEWLINE))

    return send


def _logged(log: Path, log_floor: Path, target: float) -> tuple[Timed, float, Callable[[], None]]:
    tracker = _tracker(LogFileBackend(log))

    def check() -> None:
        """Read every line back, so that no speed comes from lost events."""
        tracker.close()
        emitted = tracker.stats()["emitted"]
        for path in (log, log_floor):
            written = sum(event["name"] == NAME for event in journal.read(path))
            if written != emitted:
                raise AssertionError(f"{path}: {written} of {emitted} events")
            path.unlink()

    return _emits(tracker), target, check


def _in_threads(timed: Timed) -> Timed:
    def all_timed(events: int) -> float:
        threads = [
            threading.Thread(target=timed, args=(events // THREADS,)) for _ in range(THREADS)
        ]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    return all_timed


def _run_time(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    return (time.perf_counter() - start) * 1e3
