"""Benchmarks of the guards, compared with encoding the same event."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.processors.size_guard import SizeGuard
from eventtracking.serialization import encode
from tests.benchmarks.cases import DATA, NAME, PROCESS, REQUEST, Case, Timed

Make = Callable[[int], dict[str, Any]]
"""Builds the event with a given number."""

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def sensitive_cases() -> list[Case]:
    """Return the cases of ordinary events: the same one repeatedly, and one of each user."""
    return [
        _sensitive("SensitiveFieldGuard, the same event", _ordinary),
        _sensitive("SensitiveFieldGuard, each of another user", _of_new_user),
        *(
            _sensitive(f"SensitiveFieldGuard, with {content}", make)
            for content, make in _with_signs()
        ),
        _sensitive("SensitiveFieldGuard, pii=True", _of_new_user, pii=True),
    ]


def size_cases() -> list[Case]:
    """Return the cases of events that fit, which the guard only measures."""
    large = {**DATA, "answers": ["x" * 100] * 380}
    return [
        _size("SizeGuard, 900 bytes that fit", _ordinary, 1.2, fits=True),
        _size("SizeGuard, 40 KB that fit", lambda _: _event(large), 1.2, fits=True),
    ]


def oversized_cases() -> list[Case]:
    """
    Return the cases of events that have to be cut, of 1 MB and of 10 MB.

    Cutting costs more than encoding once, in proportion to the size: a few times as much,
    and a dozen times for lists of numbers, which are long and quickly encoded.
    """
    return [
        _size(f"SizeGuard, {work}", lambda _, data=data: _event(data), 15.0)
        for work, data in _oversized()
    ]


def hostile_cases() -> list[Case]:
    """Return the cases of strings that resemble secrets: the time must grow linearly."""
    return [
        Case(
            f"SensitiveFieldGuard, 100 and 200 KB of {text!r}",
            _guards_text((text * 100_000)[:100_000]),
            _guards_text((text * 200_000)[:200_000]),
            2.5,
        )
        for text in ("1 ", "a=", "a@b.", "http://a:", "eyJhbGciOi.", '{"a":', "pin=", "Cookie: ")
    ]


def _sensitive(work: str, make: Make, *, pii: bool = False) -> Case:
    guard = SensitiveFieldGuard(pii=pii)

    def check() -> None:
        event = make(0)
        # Each event has an IP address, which is personal data.
        if (guard(event) is event) is pii:
            raise AssertionError(f"{work}: the guard changed too little, or too much")

    return Case(work, _timed(make, _dumps), _timed(make, guard), 2.0, check)


def _size(work: str, make: Make, target: float, *, fits: bool = False) -> Case:
    guard = SizeGuard()

    def check() -> None:
        event = make(0)
        guarded = guard(event)
        if (guarded is event) is not fits or len(encode(guarded)) > guard.max_bytes:
            raise AssertionError(f"{work}: {len(encode(guarded))} bytes came out")

    return Case(work, _timed(make, encode), _timed(make, guard), target, check)


def _oversized() -> list[tuple[str, Any]]:
    record = {"id": 1, "answer": "z" * 80, "when": MOMENT}
    nested: Any = "x" * 10_000_000
    for _ in range(90):
        nested = {"k": nested}
    return [
        ("1 MB, one string", {**DATA, "answer": "x" * 1_000_000}),
        ("10 MB, one string", {"answer": "x" * 10_000_000}),
        ("10 MB, one string of escapes", {"answer": '\n"' * 2_500_000}),
        ("10 MB, 100 strings", {f"a{n}": "w" * 100_000 for n in range(100)}),
        ("10 MB, 100,000 small items", {"items": ["y" * 100] * 100_000}),
        ("10 MB, 1,500,000 numbers", {"items": list(range(1_500_000))}),
        ("10 MB, 100,000 fields", {f"field {n}": "v" * 90 for n in range(100_000)}),
        ("10 MB, 80,000 records with dates", {"records": [record] * 80_000}),
        ("10 MB, 90 levels deep", nested),
    ]


def _event(data: Any) -> dict[str, Any]:
    context = {**PROCESS, **REQUEST}
    return {"name": NAME, "timestamp": MOMENT, "data": data, "context": context}


def _ordinary(_: int) -> dict[str, Any]:
    return _event({**DATA})


def _of_new_user(number: int) -> dict[str, Any]:
    event = _event({**DATA})
    event["context"] |= {
        "username": f"ana{number}",
        "session": uuid4().hex,
        "ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "path": f"{REQUEST['path']}{number}",
        "referer": f"{REQUEST['referer']}/{number}",
        "client_id": f"{1162820436 + number}.1749482504",
    }
    return event


def _with_signs() -> list[tuple[str, Make]]:
    """Return ordinary events that contain signs of secrets."""

    def with_text(name: str, text: Callable[[int], str]) -> Make:
        def make(number: int) -> dict[str, Any]:
            event = _of_new_user(number)
            event["data"][name] = text(number)
            return event

        return make

    site = "https://learn.example.org"
    block = "block-v1:ExampleX+CS101+2026_T3+type@video+block@"
    return [
        ("a usage key", with_text("usage_key", lambda _: block + uuid4().hex)),
        (
            "a query",
            with_text("url", lambda n: f"{site}/search?q=linear+algebra&page={n}&utm_source=x"),
        ),
        (
            "a URL in a query",
            with_text("url", lambda n: f"{site}/login?next=%2Fcourses%2Fweek_{n}"),
        ),
        ("an apostrophe", with_text("answer", lambda n: f"It's the user's choice, number {n}")),
        ("an email address", with_text("email", lambda n: f"ana{n}@example.org")),
        (
            "a JSON text",
            with_text("event", lambda n: json.dumps({"id": "video", "time": n / 8})),
        ),
    ]


def _guards_text(text: str) -> Timed:
    return _timed(lambda _: _event({"text": text}), SensitiveFieldGuard(pii=True))


def _dumps(event: dict[str, Any]) -> str:
    return json.dumps(event, default=str)


def _timed(make: Make, work: Callable[[dict[str, Any]], Any]) -> Timed:
    def timed(events: int) -> float:
        made = [make(number) for number in range(events)]
        start = time.perf_counter()
        for event in made:
            work(event)
        return time.perf_counter() - start

    return timed
