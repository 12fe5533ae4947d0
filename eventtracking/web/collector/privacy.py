"""What is left out for a visitor who objects to being tracked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import AskedVisitor, RequestFacts, TrustedProxies
from eventtracking.web.options import Choice

CHOICES: tuple[Choice, ...] = ("off", "anonymous", "drop")
"""What to do about a signal, the stronger ones last."""

# Facts of a request that tell who it is, and what each is for nobody.
_PERSONAL: Mapping[str, Any] = {
    "session": "",
    "user_id": None,
    "username": "",
    "ip": "",
    "client_id": None,
    "ga_session_id": "",
}

# Keys that stand for a person, a device or a session, written small and in one word.
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


class Privacy:
    """
    What the two signals of a browser mean to this site.

    Args:
        gpc: About `Sec-GPC`, Global Privacy Control.
        dnt: About `DNT`, Do Not Track.

    Raises:
        ImproperlyConfigured: If either is none of `CHOICES`.
    """

    def __init__(self, *, gpc: Any, dnt: Any) -> None:
        for option, choice in (("gpc", gpc), ("dnt", dnt)):
            if choice not in CHOICES:
                raise ImproperlyConfigured(
                    f"Collector: {option} must be one of {', '.join(CHOICES)}, got {choice!r}"
                )
        self._signals: tuple[tuple[str, Choice], ...] = (("sec-gpc", gpc), ("dnt", dnt))

    def choice(self, headers: Mapping[str, str]) -> Choice:
        """Return what to do with the events of a request with these *headers*."""
        asked = [choice for name, choice in self._signals if headers.get(name, "").strip() == "1"]
        return max(asked, key=CHOICES.index, default="off")


class AnonymousFacts(RequestFacts):
    """The facts about a request, without those that tell whose it is."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(dict, visitor=_NOBODY, trusted_proxies=_NO_PROXIES)
        self._facts = facts

    def __getitem__(self, name: str) -> Any:
        return _PERSONAL[name] if name in _PERSONAL else self._facts[name]


def without_identifiers(value: Any) -> Any:
    """Return *value* without what stands under keys for persons and sessions, at any depth."""
    # The limits on an event saw to it that this does not go deep.
    if isinstance(value, dict):
        return {
            key: without_identifiers(item)
            for key, item in value.items()
            if _word(key) not in _IDENTIFIERS
        }
    if isinstance(value, list):
        return [without_identifiers(item) for item in value]
    return value


def _word(key: Any) -> str:
    return str(key).casefold().replace("_", "").replace("-", "")


_NOBODY = AskedVisitor(None, session=None, user=None)
_NO_PROXIES = TrustedProxies()
