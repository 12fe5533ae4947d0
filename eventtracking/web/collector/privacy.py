"""Anonymize the events of visitors whose browsers send a privacy signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventtracking._options import Options, one_of
from eventtracking.request import FactsMapping, RequestFacts
from eventtracking.web.options import PrivacyMode

# In ascending order of protection.
_MODES: tuple[PrivacyMode, ...] = ("off", "anonymous", "drop")

# The facts that identify a visitor, with the values of an unknown one.
_PERSONAL: Mapping[str, Any] = {
    "session": "",
    "user_id": None,
    "username": "",
    "ip": "",
    "client_id": None,
    "ga_session_id": "",
}

# Keys of values that identify a person, a device or a session, in lowercase and without
# separators.
_IDENTIFIERS = frozenset(
    {
        "anonymousid",
        "clientid",
        "deviceid",
        "distinctid",
        "email",
        "gasessionid",
        "ip",
        "ipaddress",
        "remoteaddr",
        "session",
        "sessionid",
        "sessionkey",
        "user",
        "userid",
        "username",
        "visitorid",
    }
)


class PrivacySignals:
    """
    The effects of the two privacy signals that browsers send.

    Args:
        gpc: The effect of `Sec-GPC`, Global Privacy Control.
        dnt: The effect of `DNT`, Do Not Track.
        options: Collects the problems of the options.
    """

    def __init__(self, gpc: PrivacyMode, dnt: PrivacyMode, options: Options) -> None:
        options.check("gpc", gpc, one_of(*_MODES))
        options.check("dnt", dnt, one_of(*_MODES))
        self._signals: tuple[tuple[str, PrivacyMode], ...] = (("sec-gpc", gpc), ("dnt", dnt))

    def mode(self, headers: Mapping[str, str]) -> PrivacyMode:
        """Return how to treat the events of a request with these *headers*."""
        modes = [mode for name, mode in self._signals if headers.get(name, "").strip() == "1"]
        return max(modes, key=_MODES.index, default="off")


class AnonymousFacts(FactsMapping):
    """The facts about a request, without those that identify the visitor."""

    def __init__(self, facts: RequestFacts) -> None:
        self.cache: dict[object, dict[str, Any]] = {}
        self._facts = facts

    def __getitem__(self, name: str) -> Any:
        return _PERSONAL[name] if name in _PERSONAL else self._facts[name]


def without_identifiers(value: Any) -> Any:
    """Return *value* without the values that identify a person or a session, at any depth."""
    # The recursion is bounded by the limit on the depth of an event.
    if isinstance(value, dict):
        return {
            key: without_identifiers(item)
            for key, item in value.items()
            if _normalized(key) not in _IDENTIFIERS
        }
    if isinstance(value, list):
        return [without_identifiers(item) for item in value]
    return value


def _normalized(key: Any) -> str:
    return str(key).casefold().replace("_", "").replace("-", "")
