"""Find the backends that send events over a network with no guard before them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eventtracking._imports import import_string
from eventtracking.backends.routing import RoutingBackend
from eventtracking.settings.names import BACKENDS, GUARDS, PROCESSORS
from eventtracking.settings.problems import Keys, written


def unguarded(backends: Mapping[str, Any], processors: Iterable[Any]) -> list[str]:
    """
    Return a line for each backend that sends over a network and misses a guard.

    A backend does so if it says `sends_over_network = True`. The guards of every router on
    the way to it count, whatever stands between.

    Args:
        backends: What `EVENT_TRACKING_BACKENDS` was built to.
        processors: What `EVENT_TRACKING_PROCESSORS` was built to.
    """
    senders = [*_senders(backends, [*processors], (BACKENDS,))]
    # Only now: a program without a network has no use for the guards' modules.
    guards = {path: import_string(path) for path in GUARDS} if senders else {}
    lines = []
    for path, before in senders:
        missing = [
            engine
            for engine, guard in guards.items()
            if not any(isinstance(processor, guard) for processor in before)
        ]
        if missing:
            lines.append(_line(path, missing))
    return lines


def _senders(
    backends: Mapping[str, Any], before: list[Any], path: Keys
) -> Iterator[tuple[Keys, list[Any]]]:
    """Yield the path of each network backend, and the processors that its events pass."""
    for name, backend in backends.items():
        is_router = isinstance(backend, RoutingBackend)
        passed = [*before, *backend.processors] if is_router else before
        # `is True`: a mock has every attribute, and each of them is truthy.
        if getattr(backend, "sends_over_network", False) is True:
            yield (*path, name), passed
        if is_router:
            yield from _senders(backend.backends, passed, (*path, name, "OPTIONS", "backends"))


def _line(path: Keys, missing: list[str]) -> str:
    names = " and ".join(engine.rpartition(".")[2] for engine in missing)
    entries = ", ".join(str({"ENGINE": engine}) for engine in missing)
    return f"{written(path)} sends over a network without {names}: add {entries} to {PROCESSORS}"
