"""The names of the settings, and what their values may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eventtracking._imports import did_you_mean

PREFIX = "EVENT_TRACKING_"
"""What the name of every setting begins with."""

ENABLED = "EVENT_TRACKING_ENABLED"
TIME_ZONE = "EVENT_TRACKING_TIME_ZONE"
PROCESSORS = "EVENT_TRACKING_PROCESSORS"
BACKENDS = "EVENT_TRACKING_BACKENDS"

CONFIG = "EVENT_TRACKING_CONFIG"
"""The environment variable that names a settings file. It counts nowhere else."""

DEFAULTS: Mapping[str, Any] = {ENABLED: True, TIME_ZONE: "UTC", PROCESSORS: [], BACKENDS: {}}
"""Every setting there is, in the order in which they are shown."""

GUARDS = (
    "eventtracking.processors.sensitive_guard.SensitiveFieldGuard",
    "eventtracking.processors.size_guard.SizeGuard",
)
"""The processors that no event should go over a network without, in their order."""

RECOMMENDED_PROCESSORS: tuple[dict[str, Any], ...] = (
    {"ENGINE": "eventtracking.processors.request_context.RequestContext"},
    *({"ENGINE": guard} for guard in GUARDS),
)
"""
The processors that production needs, to begin `EVENT_TRACKING_PROCESSORS` with.

The facts about the request come first, so that they are looked at and counted like all
the rest. Secrets go before the size is taken: a cut can then leave no half of a secret that
nobody recognises any more, and the size is that of what is written. Filters by name may
stand in front. `LegacyFieldMappingProcessor`, where it is wanted, comes last, because the
others look for `data`.
"""

DJANGO_ONLY = (
    "EVENT_TRACKING_TRUSTED_PROXIES",
    "EVENT_TRACKING_REQUEST_EVENTS",
    "EVENT_TRACKING_COLLECTOR",
)
"""Settings that only Django's doors read: elsewhere they are options of another door."""

# Open edX puts it next to ours. It counts together with the key of Segment.
_FOREIGN = ("EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST",)

_TRUTHS = {
    **dict.fromkeys(("1", "on", "true", "yes"), True),
    **dict.fromkeys(("0", "off", "false", "no"), False),
}

# How near a name without the prefix has to be to count as a slip: others may share the file.
_SURELY_MEANT = 0.9


def truth(value: Any) -> bool | None:
    """Return what a boolean, or a word or number for one, says; `None` if it is neither."""
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().lower())
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def unknown_names(names: Iterable[Any], *, in_django: bool = False) -> list[str]:
    """Return a line for each of *names* that looks like a setting and is none."""
    known = (*DEFAULTS, *DJANGO_ONLY) if in_django else (*DEFAULTS,)
    return [line for name in names if isinstance(name, str) and (line := _unknown(name, known))]


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if name in known or name in _FOREIGN:
        return ""
    if name in DJANGO_ONLY:
        return f"{name} is ignored: it counts only in Django's settings"
    if name == CONFIG:
        return f"{CONFIG} is ignored: it counts only in the environment"
    if name.startswith(PREFIX):
        return f"{name!r} is not a setting and is ignored.{did_you_mean(name, known)}"
    hints = (did_you_mean(n, known, cutoff=_SURELY_MEANT) for n in (name, PREFIX + name))
    hint = next(filter(None, hints), "")
    return f"{name!r} is ignored.{hint}" if hint else ""
