"""Show settings as a tree to read, with every secret masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eventtracking.settings.names import BACKENDS, DEFAULTS, PROCESSORS
from eventtracking.settings.secrets import MASK, Mask, reference

# Where text stands instead of a structure, it may hold anything.
_STRUCTURED = (PROCESSORS, BACKENDS, "OPTIONS", "processors", "backends")


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
