"""Benchmarks of the collector: the most expensive request bodies, and the rate limit."""

from __future__ import annotations

import gzip
import logging
import statistics
import time
from collections.abc import Iterator

from eventtracking.backends.memory import MemoryBackend
from eventtracking.tracker import Tracker
from eventtracking.web.collector import Collector
from eventtracking.web.collector.rate_limit import MAX_CLIENTS, RateLimit

HEADERS = {
    "host": "shop.example",
    "origin": "https://shop.example",
    "content-type": "application/json",
    "content-encoding": "gzip",
}
FORM = {**HEADERS, "content-type": "application/x-www-form-urlencoded"}
PARTS = {**HEADERS, "content-type": "multipart/form-data; boundary=x"}

# A little less than the size that a body may have after decompression.
MAX_BODY = 1_040_000

MOST_MILLISECONDS = 100.0
MOST_MICROSECONDS = 20.0

# These bodies are refused on purpose, so the warnings are not shown.
logging.getLogger("eventtracking.web.collector").addHandler(logging.NullHandler())
logging.getLogger("eventtracking.web.collector").propagate = False


def costs(rounds: int) -> Iterator[tuple[str, float, float, float, str]]:
    """Yield the rows of the table. Their floor is the time that the request may take."""
    slowest = max(_milliseconds(*body, rounds) for body in _bodies().values())
    yield "the worst body for the collector; floor: 100 ms", MOST_MILLISECONDS, slowest, 1.0, "ms"
    yield "rate limit, 10,000 clients; floor: 20 us", MOST_MICROSECONDS, _rate_check(), 1.0, "us"


def _bodies() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return bodies of which each is the worst case for another step of the collector."""
    item = b'{"id":"%d","name":"x","data":[%b0]}'
    full = b",".join(item % (n, b"0," * 1_990) for n in range(99))
    texts = b",".join(item % (n, b'"aaaa",' * 1_200) for n in range(99))
    objects = b",".join(item % (n, b'{"user_id":1},' * 600) for n in range(99))
    bodies = {
        "many values": _batch(full),
        "many texts": _batch(texts),
        "many objects": _batch(objects),
        "many values and a lone surrogate": _batch(full, b'"\\ud800"'),
        "many values and an infinite number": _batch(full, b'{"a":1e999}'),
        "lone surrogates": _batch(_text(b"\\udc00\\ud800")),
        "lone surrogates and an infinite number": _batch(_text(b"\\udc00\\ud800"), b'{"a":1e999}'),
        "backslashes and a lone surrogate": _batch(_text(b"\\\\", b"\\ud800")),
        "quotes": b'"' * MAX_BODY,
        "containers": _batch(b'{"a":[' + b'["",""],' * 19_000 + b"1e999]}", _text(b"a")),
        "long numbers": _batch(b'{"a":["\\ud800",' + (b"1" * 4_000 + b",") * 250 + b"0]}"),
        "empty objects": _batch(b"{}," * 60_000 + b"0"),
        "levels": _batch(b'{"a":' + b"[" * 19_000 + b"]" * 19_000 + b"}", _text(b"a")),
    }
    made = {name: (gzip.compress(body[:MAX_BODY]), HEADERS) for name, body in bodies.items()}
    fields = b"&".join([b"event=" + b"%25" * 3_400] * 100)
    parts = b'--x\r\nContent-Disposition: form-data; name="event"\r\n\r\n' + b"a" * 10_000 + b"\r\n"
    return {
        **made,
        "fields": (gzip.compress(fields), FORM),
        "parts": (gzip.compress(parts * 100 + b"--x--"), PARTS),
    }


def _batch(*events: bytes) -> bytes:
    return b'{"sent_at":"2026-01-02T03:04:05Z","events":[%b]}' % b",".join(events)


def _text(unit: bytes, end: bytes = b"") -> bytes:
    """Return as much text as an event can hold in one string of repeated *unit*."""
    return b'"%b%b"' % (unit * (MAX_BODY // len(unit) * 4 // 5), end)


def _milliseconds(body: bytes, headers: dict[str, str], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        collector = Collector(tracker=Tracker({"kept": MemoryBackend()}), rate=None)
        start = time.perf_counter()
        collector("POST", headers, body, {})
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def _rate_check() -> float:
    limit = RateLimit(rate=20, burst=100, clock=time.monotonic)
    addresses = [f"2001:db8:{number:x}::1" for number in range(MAX_CLIENTS)] * 3
    start = time.perf_counter()
    for address in addresses:
        limit.seconds_to_wait(address)
    return (time.perf_counter() - start) / len(addresses) * 1e6
