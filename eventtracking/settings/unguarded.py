"""Find the backends that send events over a network without a guard before them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eventtracking._imports import import_string
from eventtracking.backends.routing import RoutingBackend
from eventtracking.settings.names import BACKENDS, GUARDS, PROCESSORS
from eventtracking.settings.problems import SettingPath, format_path


def guard_warnings(backends: Mapping[str, Any], processors: Iterable[Any]) -> list[str]:
    """
    Return a warning for each backend that sends over a network without one of the guards.

    Such a backend has `sends_over_network = True`. The guards of the tracker and of every
    router before the backend count, wherever they are among the processors.

    Args:
        backends: The backends that were built from `EVENT_TRACKING_BACKENDS`.
        processors: The processors that were built from `EVENT_TRACKING_PROCESSORS`.
    """
    senders = [*_senders(backends, [*processors], (BACKENDS,))]
    # The modules of the guards are not imported in programs without a network backend.
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
    backends: Mapping[str, Any], before: list[Any], path: SettingPath
) -> Iterator[tuple[SettingPath, list[Any]]]:
    """Yield the path of each network backend, and the processors before it."""
    for name, backend in backends.items():
        is_router = isinstance(backend, RoutingBackend)
        passed = [*before, *backend.processors] if is_router else before
        # `is True`: a mock has every attribute, and each of them is truthy.
        if getattr(backend, "sends_over_network", False) is True:
            yield (*path, name), passed
        if is_router:
            yield from _senders(backend.backends, passed, (*path, name, "OPTIONS", "backends"))


def _line(path: SettingPath, missing: list[str]) -> str:
    names = " and ".join(engine.rpartition(".")[2] for engine in missing)
    entries = ", ".join(str({"ENGINE": engine}) for engine in missing)
    return (
        f"{format_path(path)} sends over a network without {names}: add {entries} to {PROCESSORS}"
    )
