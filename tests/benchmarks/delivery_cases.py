"""What sending over a network costs: whoever emits, and until everything has arrived."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from eventtracking.backends.http import HttpBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.delivery.options import DeliveryOptions
from eventtracking.tracker import Tracker
from tests.benchmarks import cases
from tests.benchmarks.cases import DATA, NAME, PROCESS, REQUEST, Case, Timed

# Nothing here waits that long.
HANG_SECONDS = 120

KEY = "benchmark"

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
    with _collector() as host:
        figures = [
            (
                _official(host, events),
                _drained(host, None, 6 * events),
                _drained(host, folder / "drained", 6 * events),
            )
            for _ in range(rounds)
        ]
    official, memory, disk = map(statistics.median, zip(*figures, strict=True))
    return [
        ("until it arrived, from memory; floor: 100,000/s", 10.0, memory, 1.0),
        ("until it arrived, from disk; floor: 100,000/s", 10.0, disk, 1.0),
        ("the same; floor: segment-analytics-python", official, memory, 0.2),
    ]


def slowest_emits(events: int) -> tuple[str, float, float, float]:
    """Return the 99th percentile of `emit` while the destination accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        tracker = _tracker(_webhook(f"http://127.0.0.1:{silent.getsockname()[1]}", interval=0.01))
        times = []
        for _ in range(4 * events):
            start = time.perf_counter()
            tracker.emit(NAME, DATA)
            times.append(time.perf_counter() - start)
            # 10,000 a second.
            while time.perf_counter() - start < 1e-4:
                pass
        tracker.close(0)
    slowest = statistics.quantiles(times, n=100)[98] * 1e6
    return ("emit, 99th percentile, destination hangs; floor: 100 us", 100.0, slowest, 1.0)


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


def _drained(host: str, outbox: Path | None, events: int) -> float:
    """Return the microseconds an event that `flush` takes when so many wait."""
    backend: Any = _segment(host, outbox)
    tracker = _tracker(backend)
    worker = backend._way._worker
    start_thread, worker._start = worker._start, lambda: None
    for _ in range(events):
        tracker.emit(NAME, DATA)
    worker._start = start_thread
    start = time.perf_counter()
    if not tracker.flush(HANG_SECONDS):
        raise AssertionError(tracker.stats())
    seconds = time.perf_counter() - start
    tracker.close()
    return seconds / events * 1e6


def _official(host: str, events: int) -> float:
    """Return the microseconds an event of Segment's own client, from the first to the last."""
    from segment.analytics import Client

    client = Client(KEY, host=host, max_queue_size=events, on_error=print)
    context = {**PROCESS, **REQUEST}
    event = {"name": NAME, "data": DATA, "context": context, "timestamp": datetime.now(UTC)}
    start = time.perf_counter()
    for _ in range(events):
        client.track("1234567", NAME, event, context={"ip": REQUEST["ip"]})
    client.flush()
    client.join()
    return (time.perf_counter() - start) / events * 1e6


@contextmanager
def _collector() -> Iterator[str]:
    """Run a process that takes requests as fast as it can, and yield its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        process = multiprocessing.get_context("fork").Process(
            target=_collect, args=(listening,), daemon=True
        )
        process.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        process.kill()
        process.join(HANG_SECONDS)


def _collect(listening: socket.socket) -> None:
    import threading

    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    stream = connection.makefile("rb", 1 << 20)
    with suppress(OSError):
        while stream.readline():
            length = 0
            while (line := stream.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            stream.read(length)
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"success": true}')
