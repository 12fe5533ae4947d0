"""The names of the settings, their defaults, and checks of names and booleans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eventtracking._imports import did_you_mean

PREFIX = "EVENT_TRACKING_"
"""The prefix of every setting."""

ENABLED = "EVENT_TRACKING_ENABLED"
TIME_ZONE = "EVENT_TRACKING_TIME_ZONE"
PROCESSORS = "EVENT_TRACKING_PROCESSORS"
BACKENDS = "EVENT_TRACKING_BACKENDS"

CONFIG = "EVENT_TRACKING_CONFIG"
"""The environment variable that names a settings file. It is ignored everywhere else."""

DEFAULTS: Mapping[str, Any] = {ENABLED: True, TIME_ZONE: "UTC", PROCESSORS: [], BACKENDS: {}}
"""The default of every setting, in the order in which settings are shown."""

GUARDS = (
    "eventtracking.processors.sensitive_guard.SensitiveFieldGuard",
    "eventtracking.processors.size_guard.SizeGuard",
)
"""The processors that should run before an event goes over a network, in their order."""

RECOMMENDED_PROCESSORS: tuple[dict[str, Any], ...] = (
    {"ENGINE": "eventtracking.processors.request_context.RequestContext"},
    *({"ENGINE": guard} for guard in GUARDS),
)
"""
The processors with which `EVENT_TRACKING_PROCESSORS` should begin in production.

`RequestContext` comes first, so that the guards also check the facts that it adds.
`SensitiveFieldGuard` runs before `SizeGuard`: truncation could leave half of a secret, which
nothing recognizes any more, and the size must be that of the final event. Filters by name may
come before these processors. `LegacyFieldMappingProcessor`, if it is needed, comes last,
because the others expect the field `data`.
"""

DJANGO_ONLY = (
    "EVENT_TRACKING_TRUSTED_PROXIES",
    "EVENT_TRACKING_REQUEST_EVENTS",
    "EVENT_TRACKING_COLLECTOR",
)
"""Settings that only the Django integration reads. Other integrations have options instead."""

MAX_DEPTH = 100
"""Settings that are nested deeper than this are a mistake, most likely a loop."""

# Open edX has this setting, which is used together with the key of Segment.
_OPEN_EDX_NAMES = ("EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST",)

_BOOLEANS = {
    **dict.fromkeys(("1", "on", "true", "yes"), True),
    **dict.fromkeys(("0", "off", "false", "no"), False),
}

# Other programs may keep their settings in the same file, so a name without the prefix
# must be this similar to a setting to count as a misspelling.
_MISSPELLING_CUTOFF = 0.9


def parse_boolean(value: Any) -> bool | None:
    """Return the boolean that *value* (a boolean, a word, 0 or 1) stands for, or `None`."""
    if isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower())
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def name_warnings(names: Iterable[Any], *, in_django: bool = False) -> list[str]:
    """Return a warning for each of *names* that looks like a setting but is not one."""
    known = (*DEFAULTS, *DJANGO_ONLY) if in_django else (*DEFAULTS,)
    texts = (_warning(name, known) for name in names if isinstance(name, str))
    return [text for text in texts if text]


def _warning(name: str, known: tuple[str, ...]) -> str:
    if name in known or name in _OPEN_EDX_NAMES:
        return ""
    if name in DJANGO_ONLY:
        return f"{name} is ignored: it is only valid in Django settings"
    if name == CONFIG:
        return f"{CONFIG} is ignored: it is only valid as an environment variable"
    if name.startswith(PREFIX):
        return f"{name!r} is not a setting and is ignored.{did_you_mean(name, known)}"
    hints = (did_you_mean(n, known, cutoff=_MISSPELLING_CUTOFF) for n in (name, PREFIX + name))
    hint = next(filter(None, hints), "")
    return f"{name!r} is ignored.{hint}" if hint else ""
