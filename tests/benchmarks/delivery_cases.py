"""What sending over a network costs: whoever emits, and until everything has arrived."""

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

# Nothing here waits that long.
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

# What a server answers to a request; `None` for nothing, ever.
_TROUBLES = {
    "hangs": None,
    "is slow": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "refuses": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "is down": b"",
}
_SLOW_SECONDS = 0.5
_TAKEN = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"success": true}'

# As many events as it takes, and no batch that is full before it is time.
_ROOM: DeliveryOptions = {
    "batch_events": 2500,
    "max_pending_events": 10_000_000,
    "max_pending_bytes": 10_000_000_000,
    "max_outbox_bytes": 10_000_000_000,
}

# What is given up here is given up on purpose.
logging.getLogger("eventtracking.delivery").addHandler(logging.NullHandler())
logging.getLogger("eventtracking.delivery").propagate = False


class _Server(NamedTuple):
    """A server in a process of its own."""

    url: str
    pid: int

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let nothing arrive for as long."""
        os.kill(self.pid, signal.SIGSTOP)
        yield
        os.kill(self.pid, signal.SIGCONT)


def callers_costs(folder: Path) -> list[Case]:
    """Return what `emit` costs with a webhook, in memory and on disk, and with Segment."""
    waiting: deque[bytes] = deque()
    journal = os.open(folder / "floor.journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def keep(event: dict[str, Any]) -> None:
        waiting.append(orjson.dumps(event))

    def write(event: dict[str, Any]) -> None:
        os.write(journal, orjson.dumps(event, None, orjson.OPT_APPEND_NEWLINE))

    def keep_call(event: dict[str, Any]) -> None:
        waiting.append(orjson.dumps(_call(event)))

    in_memory, on_disk = _emits(_webhook), _emits(_webhook, folder / "outbox")
    return [
        Case("emit to a webhook, waits in memory", _by_hand(keep, waiting.clear), in_memory, 3.0),
        Case("emit to a webhook, waits on disk", _by_hand(write, _emptied(journal)), on_disk, 1.6),
        Case(
            "emit to Segment, waits in memory",
            _by_hand(keep_call, waiting.clear),
            _emits(_segment),
            3.0,
        ),
    ]


def drain_rates(rounds: int, folder: Path, events: int) -> list[tuple[str, float, float, float]]:
    """Return `(work, floor, ours, reach)`: microseconds an event until all have arrived."""
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
        ("until it arrived, from memory; floor: 100,000/s", 10.0, memory, 1.0),
        ("until it arrived, from disk; floor: 100,000/s", 10.0, disk, 1.0),
        ("the same; floor: segment-analytics-python", official, memory, 0.2),
    ]


def troubles(events: int) -> Iterator[tuple[str, float, float, float]]:
    """
    Yield what a host notices of a destination in trouble, beside what it may notice.

    The 99th percentile of `emit` in microseconds, at 10,000 events a second, and the
    milliseconds from the last line of a program to its end.
    """
    for trouble, answer in _TROUBLES.items():
        with _answering(answer) as url:
            yield (
                f"emit, 99th percentile, destination {trouble}",
                100.0,
                _slowest(url, events),
                1.0,
            )
    for trouble in ("hangs", "refuses"):
        with _answering(_TROUBLES[trouble]) as url:
            yield (f"end of a program, ms, destination {trouble}", 3000.0, _end(url), 1.0)


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


def _end(url: str) -> float:
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
    return HttpBackend(url, outbox=outbox, flush_interval=interval, **_ROOM)


def _segment(host: str, outbox: Path | None = None) -> SegmentBackend:
    return SegmentBackend(KEY, host=host, outbox=outbox, flush_interval=HANG_SECONDS, **_ROOM)


def _emits(make: Callable[[str, Path | None], Any], outbox: Path | None = None) -> Timed:
    """Time `emit` alone: nothing is delivered meanwhile, for the batch is not full."""

    def timed(events: int) -> float:
        tracker = _tracker(make("http://127.0.0.1:9", outbox))
        emit = tracker.emit
        # The first one starts the thread, and opens the file.
        emit(NAME, DATA)
        start = time.perf_counter()
        for _ in range(events):
            emit(NAME, DATA)
        seconds = time.perf_counter() - start
        tracker.close(0)
        for left in outbox.iterdir() if outbox else ():
            left.unlink()
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
    """Return the least that Segment needs of an event, and with it all of the event."""
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
    """Return the microseconds an event that `flush` takes when so many wait."""
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
    """Return the microseconds an event of Segment's own client, from the first to the last."""
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
    """Run a server that takes requests as fast as it can, and yield its address."""
    with _served(_collect, _TAKEN) as server:
        yield server


@contextmanager
def _answering(answer: bytes | None) -> Iterator[str]:
    """Run a server in trouble, and yield its address."""
    if answer == b"":
        yield "http://127.0.0.1:9"
        return
    with _served(_struggle, answer) as server:
        yield server.url


@contextmanager
def _served(serve: Callable[..., None], answer: bytes | None) -> Iterator[_Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=serve, args=(listening, answer), daemon=True)
        process.start()
        yield _Server(f"http://127.0.0.1:{listening.getsockname()[1]}", process.pid or 0)
        process.kill()
        process.join(HANG_SECONDS)


def _collect(listening: socket.socket, answer: bytes) -> None:
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(connection, answer), daemon=True).start()


def _struggle(listening: socket.socket, answer: bytes | None) -> None:
    kept = []
    while True:
        connection, _ = listening.accept()
        kept.append(connection)
        if answer is not None:
            wait = 0.0 if b"503" in answer else _SLOW_SECONDS
            threading.Thread(target=_answer, args=(connection, answer, wait), daemon=True).start()


def _answer(connection: socket.socket, answer: bytes, wait: float = 0.0) -> None:
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
            connection.sendall(answer)
