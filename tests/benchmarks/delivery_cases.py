"""Benchmarks of delivery over a network: the cost of `emit`, and the rate of delivery."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from eventtracking.backends.http import HttpBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.delivery import DeliveryOptions
from eventtracking.tracker import Tracker
from tests.benchmarks import cases
from tests.benchmarks.cases import DATA, NAME, PROCESS, REQUEST, Case, Timed

# Far longer than any step takes.
HANG_SECONDS = 120

KEY = "benchmark"

_PROGRAM = """
import sys, time
from eventtracking.backends.http import HttpBackend
from eventtracking.tracker import Tracker
tracker = Tracker({"webhook": HttpBackend(sys.argv[1])})
for number in range(100):
    tracker.emit("a.b", {"number": number})
print(time.time(), flush=True)
"""

# The response of a destination during an outage; `None` if it never responds.
_OUTAGES = {
    "hangs": None,
    "is slow": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "refuses": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "is down": b"",
}
_SLOW_SECONDS = 0.5
_ACCEPTED = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"success": true}'

# Room for all events, in batches that do not fill up early.
_LARGE_OUTBOX: DeliveryOptions = {
    "batch_events": 2500,
    "max_pending_events": 10_000_000,
    "max_pending_bytes": 10_000_000_000,
    "max_outbox_bytes": 10_000_000_000,
}

# Events are abandoned on purpose, so the warnings are not shown.
logging.getLogger("eventtracking.delivery").addHandler(logging.NullHandler())
logging.getLogger("eventtracking.delivery").propagate = False


class _Server(NamedTuple):
    """A server in another process."""

    url: str
    pid: int

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the process for the duration of the block."""
        os.kill(self.pid, signal.SIGSTOP)
        yield
        os.kill(self.pid, signal.SIGCONT)


def emit_costs(folder: Path) -> list[Case]:
    """Return the cases of `emit` to a webhook, with both outboxes, and to Segment."""
    waiting: deque[bytes] = deque()
    file = os.open(folder / "floor.outbox", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def keep(event: dict[str, Any]) -> None:
        waiting.append(orjson.dumps(event))

    def write(event: dict[str, Any]) -> None:
        os.write(file, orjson.dumps(event, None, orjson.OPT_APPEND_NEWLINE))

    def keep_call(event: dict[str, Any]) -> None:
        waiting.append(orjson.dumps(_call(event)))

    in_memory, on_disk = _emits(_webhook), _emits(_webhook, folder / "outbox")
    return [
        Case("emit to a webhook, outbox in memory", _by_hand(keep, waiting.clear), in_memory, 3.0),
        Case("emit to a webhook, outbox on disk", _by_hand(write, _emptied(file)), on_disk, 1.6),
        Case(
            "emit to Segment, outbox in memory",
            _by_hand(keep_call, waiting.clear),
            _emits(_segment),
            3.0,
        ),
    ]


def drain_rates(rounds: int, folder: Path, events: int) -> list[tuple[str, float, float, float]]:
    """Return `(work, floor, ours, target)` in microseconds per event, until all have arrived."""
    with _collector() as collector:
        figures = [
            (
                _official(collector, events),
                _drained(collector, None, 6 * events),
                _drained(collector, folder / "drained", 6 * events),
            )
            for _ in range(rounds)
        ]
    official, memory, disk = map(statistics.median, zip(*figures, strict=True))
    return [
        ("delivery, outbox in memory; floor: 100,000/s", 10.0, memory, 1.0),
        ("delivery, outbox on disk; floor: 100,000/s", 10.0, disk, 1.0),
        ("delivery; floor: segment-analytics-python", official, memory, 0.2),
    ]


def outages(events: int) -> Iterator[tuple[str, float, float, float]]:
    """
    Yield the effect of an outage of the destination on the host program.

    The figures are the 99th percentile of `emit` in microseconds, at 10,000 events a
    second, and the milliseconds from the last line of a program to its exit. The floor is
    the limit of each.
    """
    for outage, response in _OUTAGES.items():
        with _failing_server(response) as url:
            yield (
                f"emit, 99th percentile, destination {outage}",
                100.0,
                _slowest(url, events),
                1.0,
            )
    for outage in ("hangs", "refuses"):
        with _failing_server(_OUTAGES[outage]) as url:
            yield (f"program exit, ms, destination {outage}", 3000.0, _exit_time(url), 1.0)


def _slowest(url: str, events: int) -> float:
    tracker = _tracker(_webhook(url, interval=0.01))
    times = []
    for _ in range(4 * events):
        start = time.perf_counter()
        tracker.emit(NAME, DATA)
        times.append(time.perf_counter() - start)
        while time.perf_counter() - start < 1e-4:
            pass
    tracker.close(0)
    return statistics.quantiles(times, n=100)[98] * 1e6


def _exit_time(url: str) -> float:
    program = subprocess.run(
        [sys.executable, "-c", _PROGRAM, url], capture_output=True, text=True, check=True
    )
    return (time.time() - float(program.stdout)) * 1e3


def _tracker(backend: Any) -> Tracker:
    tracker = Tracker({"measured": backend})
    tracker.enter_context("process", PROCESS)
    tracker.enter_context("request", REQUEST)
    return tracker


def _webhook(url: str, outbox: Path | None = None, interval: float = HANG_SECONDS) -> HttpBackend:
    return HttpBackend(url, outbox=outbox, flush_interval=interval, **_LARGE_OUTBOX)


def _segment(host: str, outbox: Path | None = None) -> SegmentBackend:
    return SegmentBackend(
        KEY, host=host, outbox=outbox, flush_interval=HANG_SECONDS, **_LARGE_OUTBOX
    )


def _emits(make: Callable[[str, Path | None], Any], outbox: Path | None = None) -> Timed:
    """Measure `emit` alone: no batch is full or due, so nothing is delivered meanwhile."""

    def timed(events: int) -> float:
        tracker = _tracker(make("http://127.0.0.1:9", outbox))
        emit = tracker.emit
        # The first event starts the thread, and opens the file.
        emit(NAME, DATA)
        start = time.perf_counter()
        for _ in range(events):
            emit(NAME, DATA)
        seconds = time.perf_counter() - start
        tracker.close(0)
        for file in outbox.iterdir() if outbox else ():
            file.unlink()
        return seconds

    return timed


def _by_hand(send: Callable[[dict[str, Any]], Any], clear: Callable[[], Any]) -> Timed:
    emits = cases.by_hand(send)

    def timed(events: int) -> float:
        seconds = emits(events)
        clear()
        return seconds

    return timed


def _emptied(descriptor: int) -> Callable[[], None]:
    return lambda: os.ftruncate(descriptor, 0)


def _call(event: dict[str, Any]) -> dict[str, Any]:
    """Return the smallest call of Segment that contains the whole event."""
    context = event["context"]
    return {
        "type": "track",
        "event": event["name"],
        "userId": str(context["user_id"]),
        "timestamp": event["timestamp"],
        "properties": event,
        "context": {
            "ip": context["ip"],
            "userAgent": context["agent"],
            "page": {"path": context["path"], "referrer": context["referer"]},
            "Google Analytics": {"clientId": context["client_id"]},
        },
    }


def _drained(collector: _Server, outbox: Path | None, events: int) -> float:
    """Return the microseconds per event that `flush` takes while *events* wait."""
    tracker = _tracker(_segment(collector.url, outbox))
    with collector.paused():
        for _ in range(events):
            tracker.emit(NAME, DATA)
    start = time.perf_counter()
    if not tracker.flush(HANG_SECONDS):
        raise AssertionError(tracker.stats())
    seconds = time.perf_counter() - start
    tracker.close()
    return seconds / events * 1e6


def _official(collector: _Server, events: int) -> float:
    """Return the microseconds per event that Segment's own client takes for *events*."""
    from segment.analytics import Client

    client = Client(KEY, host=collector.url, max_queue_size=events, on_error=print)
    context = {**PROCESS, **REQUEST}
    event = {"name": NAME, "data": DATA, "context": context, "timestamp": datetime.now(UTC)}
    start = time.perf_counter()
    for _ in range(events):
        client.track("1234567", NAME, event, context={"ip": REQUEST["ip"]})
    client.flush()
    client.join()
    return (time.perf_counter() - start) / events * 1e6


@contextmanager
def _collector() -> Iterator[_Server]:
    """Run a server that accepts requests as fast as it can, and yield it."""
    with _served(_collect, _ACCEPTED) as server:
        yield server


@contextmanager
def _failing_server(response: bytes | None) -> Iterator[str]:
    """Run a server that fails, or none, and yield its address."""
    if response == b"":
        yield "http://127.0.0.1:9"
        return
    with _served(_fail, response) as server:
        yield server.url


@contextmanager
def _served(serve: Callable[..., None], response: bytes | None) -> Iterator[_Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=serve, args=(listening, response), daemon=True)
        process.start()
        yield _Server(f"http://127.0.0.1:{listening.getsockname()[1]}", process.pid or 0)
        process.kill()
        process.join(HANG_SECONDS)


def _collect(listening: socket.socket, response: bytes) -> None:
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_respond, args=(connection, response), daemon=True).start()


def _fail(listening: socket.socket, response: bytes | None) -> None:
    connections = []
    while True:
        connection, _ = listening.accept()
        connections.append(connection)
        if response is not None:
            wait = 0.0 if b"503" in response else _SLOW_SECONDS
            threading.Thread(
                target=_respond, args=(connection, response, wait), daemon=True
            ).start()


def _respond(connection: socket.socket, response: bytes, wait: float = 0.0) -> None:
    stream = connection.makefile("rb", 1 << 20)
    with suppress(OSError):
        while stream.readline():
            length = 0
            while (line := stream.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            stream.read(length)
            time.sleep(wait)
            connection.sendall(response)
