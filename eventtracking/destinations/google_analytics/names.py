"""The names of events and parameters in Google Analytics, which accepts only some names."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from eventtracking._options import MAPPING, NON_EMPTY_TEXT, Options
from eventtracking.destinations.google_analytics import reserved
from eventtracking.stats import log_safely

logger = logging.getLogger(__name__)

MAX_CHARACTERS = 40
"""The length that the name of an event or of a parameter may have."""

_VALID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_INVALID_CHARACTERS = re.compile(r"[^A-Za-z0-9_]+")

_VALID_NAME = (
    "a name that Google Analytics accepts: a letter, then letters, digits and _, "
    f"at most {MAX_CHARACTERS} characters, and not a reserved name"
)

# A longer name keeps this many characters, and gets a digest to remain distinct.
_KEPT_CHARACTERS = 31
_DIGEST_BYTES = 4

# Applications have hundreds of names. One that generates names must not fill the memory.
_MAX_CACHED_NAMES = 1_000


class EventNames:
    """
    The names of events in Google Analytics.

    If two names become the same one (`a.b` and `a_b`), that is logged once.

    Args:
        names: Names in Google Analytics by the names that the application uses.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._google_names = dict(names)
        # The first name of the application that became each name.
        self._origins = {google_name: name for name, google_name in names.items()}
        self._collisions: set[str] = set()

    def google_name(self, name: str) -> str:
        """Return the name in Google Analytics of events that the application calls *name*."""
        known = self._google_names.get(name)
        if known is not None:
            return known
        google_name = event_name(name)
        if len(self._google_names) < _MAX_CACHED_NAMES:
            self._google_names[name] = google_name
            origin = self._origins.setdefault(google_name, name)
            if origin != name and google_name not in self._collisions:
                self._collisions.add(google_name)
                message = (
                    'Events "%s" and "%s" are both called "%s" in Google Analytics. Distinguish '
                    "them by event_name_full, or rename one of them with the option names"
                )
                log_safely(logger.warning, message, origin, name, google_name)
        return google_name


def check_names(options: Options, names: Any) -> None:
    """Note in *options* what is wrong with the option `names`."""
    if names is None or not options.check("names", names, MAPPING):
        return
    for name, google_name in names.items():
        if not isinstance(name, str):
            options.refuse("names", "a mapping of text to text", name)
        elif not is_event_name(google_name):
            options.refuse(f"names[{name!r}]", _VALID_NAME, google_name)


def check_params(options: Options, params: Any) -> list[str]:
    """Return the option `params` as a list, and note in *options* which names are invalid."""
    names = options.check_list("params", params, NON_EMPTY_TEXT)
    for index, name in enumerate(names):
        if not is_parameter_name(name):
            hint = f" Write {parameter_name(name)!r}"
            options.refuse(f"params[{index}]", _VALID_NAME, name, hint=hint)
    return names


def event_name(name: str) -> str:
    """Return the name in Google Analytics of the event *name*, made by the rules alone."""
    return _valid(name, reserved.EVENTS, letter="e_", empty="event_")


def parameter_name(name: str) -> str:
    """Return the name in Google Analytics of the parameter *name*."""
    return _valid(name, reserved.PARAMETERS, letter="p_", empty="param_")


def is_event_name(name: object) -> bool:
    """Return whether Google accepts *name* for an event of a website."""
    return _is_valid(name) and not _is_reserved(str(name), reserved.EVENTS)


def is_parameter_name(name: object) -> bool:
    """Return whether Google accepts *name* for a parameter."""
    return _is_valid(name) and not _is_reserved(str(name), reserved.PARAMETERS)


def _valid(name: str, reserved_names: frozenset[str], *, letter: str, empty: str) -> str:
    valid = _INVALID_CHARACTERS.sub("_", name).strip("_")
    if not valid:
        return empty + _digest(name)
    if not valid[0].isalpha():
        valid = letter + valid
    if _is_reserved(valid, reserved_names):
        valid = "x_" + valid
    if len(valid) > MAX_CHARACTERS:
        valid = f"{valid[:_KEPT_CHARACTERS]}_{_digest(name)}"
    return valid


def _digest(name: str) -> str:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()


def _is_valid(name: object) -> bool:
    return isinstance(name, str) and _VALID.fullmatch(name) is not None


def _is_reserved(name: str, reserved_names: frozenset[str]) -> bool:
    return name in reserved_names or name.startswith(reserved.PREFIXES)
