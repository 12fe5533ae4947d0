"""Show settings as a readable tree with every secret masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eventtracking.settings.masking import MASK, SecretMasker
from eventtracking.settings.names import BACKENDS, DEFAULTS, PROCESSORS
from eventtracking.settings.secrets import parse_reference

# Text in the place of one of these structures is not shown, because it may contain anything.
_STRUCTURES = (PROCESSORS, BACKENDS, "OPTIONS", "processors", "backends")


def describe(settings: Mapping[str, Any]) -> str:
    """
    Return *settings* as a readable tree with every secret masked. Nothing is built.

    Masked are values that come from `ENV` and `FILE`, options with a name such as
    `write_key` or `password`, and passwords in URLs.
    """
    masker = SecretMasker()
    lines: list[str] = []
    for name, default in DEFAULTS.items():
        value = settings.get(name)
        masked = masker.mask(default if value is None else value)
        text, children = _node(name, masked, masker)
        lines += [text, *_branches(children, masker)]
    return "\n".join(lines)


def _node(label: Any, value: Any, masker: SecretMasker) -> tuple[str, list[tuple[Any, Any]]]:
    """Return the line for the masked *value*, and the labels and values of its children."""
    if isinstance(value, str) and label in _STRUCTURES:
        # Most likely malformed JSON, in which secrets cannot be located.
        return f"{label} = ... (text)", []
    reference = parse_reference(value)
    if reference is not None:
        return f"{label} = {MASK} from {reference}", []
    if isinstance(value, Mapping) and "ENGINE" in value:
        rest = {key: item for key, item in value.items() if key not in ("ENGINE", "OPTIONS")}
        options = value.get("OPTIONS") or {}
        if not isinstance(options, Mapping):
            options = {"OPTIONS": options}
        return f"{label}: {_label(value['ENGINE'])}", [*options.items(), *rest.items()]
    if isinstance(value, Mapping) and value:
        return f"{label}", [*value.items()]
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return f"{label}", [(f"[{index}]", item) for index, item in enumerate(value)]
    return f"{label} = {masker.show(value)}", []


def _branches(items: list[tuple[Any, Any]], masker: SecretMasker) -> Iterator[str]:
    """Yield the lines of a tree below its root."""
    for index, (label, value) in enumerate(items):
        is_last = index == len(items) - 1
        text, children = _node(_label(label), value, masker)
        yield ("└─ " if is_last else "├─ ") + text
        for line in _branches(children, masker):
            yield ("   " if is_last else "│  ") + line


def _label(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else repr(value)
