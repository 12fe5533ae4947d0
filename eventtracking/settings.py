"""
Make a tracker from settings: a mapping, a TOML or JSON file, the environment, or several of them.

    EVENT_TRACKING_ENABLED = true
    EVENT_TRACKING_TIME_ZONE = "UTC"
    [[EVENT_TRACKING_PROCESSORS]]
    ENGINE = "eventtracking.processors.request_context.RequestContext"
    [EVENT_TRACKING_BACKENDS.log]
    ENGINE = "eventtracking.backends.log_file.LogFileBackend"
    OPTIONS = { path = "tracking.log" }
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from eventtracking._imports import did_you_mean
from eventtracking._secrets import MASK, MAX_DEPTH, Mask, reference
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker, register_tracker

logger = logging.getLogger(__name__)

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

# Where text stands instead of a structure, it may hold anything.
_STRUCTURED = (PROCESSORS, BACKENDS, "OPTIONS", "processors", "backends")

_TRUTHS = {
    **dict.fromkeys(("1", "on", "true", "yes"), True),
    **dict.fromkeys(("0", "off", "false", "no"), False),
}

# How near a name without the prefix has to be to count as a slip: others may share the file.
_SURELY_MEANT = 0.9

Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a `.toml` or `.json` file, a mapping, or `os.environ`."""


def load(*sources: Source) -> dict[str, Any]:
    """
    Return the settings in *sources* as one dict. Nothing is built and nothing registered.

    Later sources win. Mappings are merged deeply; anything else, lists included,
    replaces what stood there. So does an entry with another `ENGINE`, whose options
    would make no sense to it, and a reference to a secret.

    The keys of an Open edX site (`lms.env.json`, `lms.auth.json`) turn on what they are
    for, as `eventtracking.openedx.settings.providers` describes. Entries of the same
    name in *sources* win.

    `os.environ` contributes its variables `EVENT_TRACKING_*`. Their values are read as
    JSON where they are JSON, and as text otherwise; an empty one counts as not set.

    Args:
        sources: Paths to `.toml` or `.json` files, mappings, and `os.environ`.

    Raises:
        ImproperlyConfigured: If files cannot be read or parsed, with a line for each.
    """
    merged: dict[str, Any] = {}
    problems = []
    for source in sources:
        try:
            merged = _merged(merged, _read(source))
        except ImproperlyConfigured as error:
            problems.append(str(error))
        except RecursionError:
            problems.append(f"settings must not be nested more than {MAX_DEPTH} levels deep")
    if problems:
        raise ImproperlyConfigured("\n".join(problems))
    from eventtracking._provider_keys import turned_on

    return _merged(turned_on(merged), merged)


def build(settings: Mapping[str, Any]) -> Tracker:
    """
    Return the tracker that *settings* describe; one without backends if they disable it.

    From then on, naive datetimes are read in `EVENT_TRACKING_TIME_ZONE` (default: UTC)
    in the whole process.

    `{"ENV": "NAME"}` and `{"FILE": "path"}` stand for the text of an environment
    variable and of a file, wherever they appear. A file loses one newline at its end;
    a relative path starts from the working directory.

    Args:
        settings: What `load` returned, or any mapping with the same names.

    Raises:
        ImproperlyConfigured: If anything is wrong, with a line for each problem: its
            path, the value, the cause and the cure. What was built by then is closed.
    """
    if is_disabled(settings):
        return Tracker()
    from eventtracking._assembly import Assembly
    from eventtracking.serialization import read_naive_in

    assembly = Assembly(settings)
    assembly.check()
    # A variable that holds a secret may well be called EVENT_TRACKING_something.
    names = (name for name in settings if name not in assembly.variables)
    for line in (*unknown_names(names), *assembly.problems.warnings()):
        logger.warning("%s", line)
    read_naive_in(assembly.time_zone)
    return Tracker(assembly.backends, processors=assembly.processors)


def configure(*sources: Source) -> Tracker:
    """
    Load *sources*, build the tracker and register it as the default one.

    The environment is read last and so has the final word. Without any source, the
    file that `EVENT_TRACKING_CONFIG` names is read. The tracker that was registered
    before is not closed.

    Args:
        sources: As for `load`.

    Raises:
        ImproperlyConfigured: As `load` and `build` do. Then nothing is registered.
    """
    if not sources and os.environ.get(CONFIG):
        sources = (os.environ[CONFIG],)
    tracker = build(load(*sources, os.environ))
    register_tracker(tracker)
    return tracker


def describe(settings: Mapping[str, Any]) -> str:
    """
    Return *settings* as a tree to read, with every secret masked. Nothing is built.

    Masked are the values that come from `ENV` and `FILE`, those under a telling name
    such as `write_key` or `password`, and passwords in URLs.
    """
    mask = Mask()
    lines: list[str] = []
    for name, default in DEFAULTS.items():
        value = settings.get(name)
        shown = mask.masked(default if value is None else value)
        text, children = _node(name, shown, mask)
        lines += [text, *_branches(children, mask)]
    return "\n".join(lines)


def is_disabled(settings: Mapping[str, Any]) -> bool:
    """Tell whether *settings* switch tracking off."""
    value = settings.get(ENABLED)
    if source := reference(value):
        # What cannot be fetched is told of by who builds.
        with suppress(ImproperlyConfigured):
            value = source.fetch()
    return truth(value) is False


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


def _read(source: Any) -> Mapping[str, Any]:
    if source is os.environ:
        return _environment()
    if isinstance(source, Mapping):
        return source
    if isinstance(source, str | os.PathLike):
        return _file(os.fspath(source))
    raise ImproperlyConfigured(
        f"settings must come from a path or a mapping, got {type(source).__name__}"
    )


def _environment() -> dict[str, Any]:
    variables = {
        name: text for name, text in os.environ.items() if name.startswith(PREFIX) and text
    }
    return {name: _decoded(text) for name, text in variables.items() if name != CONFIG}


def _decoded(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def _file(path: str) -> Mapping[str, Any]:
    try:
        # utf-8-sig: some editors put a mark at the beginning.
        settings = _parsed(Path(path).read_text("utf-8-sig"), Path(path).suffix.lower())
    except OSError as error:
        raise ImproperlyConfigured(
            f"settings file {path!r} cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise ImproperlyConfigured(f"settings file {path!r} is not valid: {error}") from error
    if not isinstance(settings, Mapping):
        raise ImproperlyConfigured(
            f"settings file {path!r} must hold names and values, not a {type(settings).__name__}"
        )
    return settings


def _parsed(text: str, suffix: str) -> Any:
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    if suffix == ".json":
        import json

        return json.loads(text)
    raise ValueError("its name must end in .toml or .json")


def _merged(base: Mapping[str, Any], addition: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in addition.items():
        if isinstance(value, Mapping):
            old: Any = base.get(key)
            merged[key] = _merged(old if _extends(value, old) else {}, value)
        else:
            merged[key] = value
    return merged


def _extends(value: Mapping[str, Any], old: Any) -> bool:
    """Tell whether *value* adds to *old*, rather than taking its place."""
    if not isinstance(old, Mapping) or reference(old) or reference(value):
        return False
    engine = old.get("ENGINE")
    return engine is None or value.get("ENGINE", engine) == engine


def _node(label: Any, value: Any, mask: Mask) -> tuple[str, list[tuple[Any, Any]]]:
    """Return the line that shows masked *value*, and what hangs below it."""
    if isinstance(value, str) and label in _STRUCTURED:
        # Most likely JSON with a slip in it, with secrets that nobody can find there.
        return f"{label} = ... (text)", []
    source = reference(value)
    if source is not None:
        return f"{label} = {MASK} from {source}", []
    if isinstance(value, Mapping) and "ENGINE" in value:
        rest = {key: item for key, item in value.items() if key not in ("ENGINE", "OPTIONS")}
        options = value.get("OPTIONS") or {}
        if not isinstance(options, Mapping):
            options = {"OPTIONS": options}
        return f"{label}: {_word(value['ENGINE'])}", [*options.items(), *rest.items()]
    if isinstance(value, Mapping) and value:
        return f"{label}", [*value.items()]
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return f"{label}", [(f"[{index}]", item) for index, item in enumerate(value)]
    return f"{label} = {mask.shown(value)}", []


def _branches(items: list[tuple[Any, Any]], mask: Mask) -> Iterator[str]:
    """Yield the lines of a tree below its root."""
    for index, (label, value) in enumerate(items):
        last = index == len(items) - 1
        text, children = _node(_word(label), value, mask)
        yield ("└─ " if last else "├─ ") + text
        for line in _branches(children, mask):
            yield ("   " if last else "│  ") + line


def _word(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else repr(value)
