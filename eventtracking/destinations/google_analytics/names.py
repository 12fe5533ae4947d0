"""What events and parameters are called in Google Analytics, which takes only some names."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from eventtracking.destinations.google_analytics import reserved
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.stats import log_safely

logger = logging.getLogger(__name__)

MAX_CHARACTERS = 40
"""How long the name of an event or a parameter may be."""

_VALID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_OUTSIDE = re.compile(r"[^A-Za-z0-9_]+")

# Of a name that is too long, so much stays, and a digest tells it from its neighbours.
_KEPT_CHARACTERS = 31
_DIGEST_BYTES = 4

# A program has hundreds of names. One that makes them up as it goes must not fill the memory.
_MOST_REMEMBERED = 1000


class EventNames:
    """
    Give every event the name it has in Google Analytics.

    Two names that become one (`a.b` and `a_b`) are warned about, once.

    Args:
        names: What to call some events, by the names that they have here.

    Raises:
        ImproperlyConfigured: If Google would not take one of *names*.
    """

    def __init__(self, names: Mapping[str, str] | None, *, who: str) -> None:
        self._known = _checked(names, who)
        # By what they became, the first name that became it.
        self._origins = {there: here for here, there in self._known.items()}
        self._told: set[str] = set()

    def called(self, name: str) -> str:
        """Return what the event called *name* here is called there."""
        known = self._known.get(name)
        if known is not None:
            return known
        called = event_name(name)
        if len(self._known) < _MOST_REMEMBERED:
            self._known[name] = called
            origin = self._origins.setdefault(called, name)
            if origin != name and called not in self._told:
                self._told.add(called)
                message = (
                    'Events "%s" and "%s" are both called "%s" in Google Analytics. '
                    "Tell them apart by event_name_full, or give one of them another name in names"
                )
                log_safely(logger.warning, message, origin, name, called)
        return called


def event_name(name: str) -> str:
    """Return what the event called *name* is called in Google Analytics."""
    return _mapped(name, reserved.EVENTS, letter="e_", empty="event_")


def parameter_name(name: str) -> str:
    """Return what the parameter called *name* is called in Google Analytics."""
    return _mapped(name, reserved.PARAMETERS, letter="p_", empty="param_")


def is_event_name(name: object) -> bool:
    """Tell whether Google takes an event called *name* of a website."""
    return _is_name(name) and not _is_reserved(str(name), reserved.EVENTS)


def is_parameter_name(name: object) -> bool:
    """Tell whether Google takes a parameter called *name*."""
    return _is_name(name) and not _is_reserved(str(name), reserved.PARAMETERS)


def texts(value: Sequence[str], option: str) -> tuple[str, ...]:
    """
    Return *value*, a sequence of texts, as a tuple.

    Raises:
        ImproperlyConfigured: If it is anything else.
    """
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if not is_sequence or not all(isinstance(each, str) and each for each in value):
        raise ImproperlyConfigured(f"{option} must be a list of names, got {value!r}")
    return tuple(value)


def _mapped(name: str, taken: frozenset[str], *, letter: str, empty: str) -> str:
    mapped = _OUTSIDE.sub("_", name).strip("_")
    if not mapped:
        return empty + _digest(name)
    if not mapped[0].isalpha():
        mapped = letter + mapped
    if _is_reserved(mapped, taken):
        mapped = "x_" + mapped
    if len(mapped) > MAX_CHARACTERS:
        mapped = f"{mapped[:_KEPT_CHARACTERS]}_{_digest(name)}"
    return mapped


def _digest(name: str) -> str:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _VALID.fullmatch(name) is not None


def _is_reserved(name: str, taken: frozenset[str]) -> bool:
    return name in taken or name.startswith(reserved.PREFIXES)


def _checked(names: Mapping[str, str] | None, who: str) -> dict[str, str]:
    if names is None:
        return {}
    if not isinstance(names, Mapping):
        raise ImproperlyConfigured(f"{who}: names must map names to names, got {names!r}")
    for here, there in names.items():
        if not isinstance(here, str):
            raise ImproperlyConfigured(f"{who}: names must map texts to texts, got {here!r}")
        if not is_event_name(there):
            raise ImproperlyConfigured(
                f"{who}: names[{here!r}] must be a name that Google Analytics takes: a letter, "
                f"then letters, digits and _, {MAX_CHARACTERS} at most, and none of Google's own, "
                f"got {there!r}"
            )
    return dict(names)
