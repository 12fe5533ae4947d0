"""The facts about a Django request. Reading them leaves no trace in the request."""

from __future__ import annotations

from asyncio import get_running_loop
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.functional import LazyObject, SimpleLazyObject, empty

from eventtracking.request import EnvironFacts, TrustedProxies, session_digest

_UNKNOWN: Any = object()
_UNSAVED: Any = object()


def request_facts(request: Any, trusted_proxies: TrustedProxies) -> EnvironFacts:
    """Return the facts about *request*, none of which is determined yet."""
    return EnvironFacts(
        partial(getattr, request, "META"),
        visitor=DjangoVisitor(request),
        trusted_proxies=trusted_proxies,
    )


class DjangoVisitor:
    """
    The user and the session of *request*, at the time of each call.

    If a view authenticates with a token, logs in or logs out, `request.user` changes, and so
    does the user of the next event.
    """

    __slots__ = ("_digest", "_key", "_lazy", "_loaded", "_request", "_user", "_user_facts")

    def __init__(self, request: Any) -> None:
        self._request = request
        self._key: str | None = None
        self._digest = ""
        self._lazy: Any = None
        self._loaded: Any = _UNKNOWN
        self._user: Any = None
        self._user_facts: tuple[Any, str] = ("", "")

    def session(self) -> str:
        """Return the digest of the session key; after a logout, that of the last session."""
        key = getattr(getattr(self._request, "session", None), "session_key", None)
        if key and key != self._key:
            self._digest = session_digest(settings.SECRET_KEY, key)
            self._key = key
        return self._digest

    def user(self) -> tuple[Any, str]:
        """Return the user's id and name."""
        user: Any = getattr(self._request, "user", None)
        # isinstance() would read `user.__class__`, which loads a lazy user.
        if issubclass(type(user), LazyObject):
            user = self._behind(user) if user._wrapped is empty else user._wrapped  # noqa: SLF001
        if user is not self._user:
            self._user_facts = _user_facts(user)
            # A user without an id gets one when it is saved.
            self._user = user if self._user_facts[0] is not None else _UNSAVED
        return self._user_facts

    def _behind(self, lazy: Any) -> Any:
        """Return the user that *lazy* loads, if it may be loaded here."""
        # The result of `await request.auser()`. Django has no public name for it.
        user = getattr(self._request, "_acached_user", _UNKNOWN)
        if user is not _UNKNOWN:
            return user
        if lazy is not self._lazy and not _is_in_event_loop():
            # Assigned first: if loading fails, the next event does not try again.
            self._lazy = lazy
            self._loaded = _UNKNOWN
            self._loaded = _load(lazy, getattr(self._request, "session", None))
        return self._loaded if lazy is self._lazy else _UNKNOWN


def _user_facts(user: Any) -> tuple[Any, str]:
    if user is None or user is _UNKNOWN:
        return "", ""
    username = user.username if hasattr(user, "username") else user.get_username()
    return user.pk, username or ""


def _is_in_event_loop() -> bool:
    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def _load(lazy: Any, session: Any) -> Any:
    """
    Return the user that *lazy* loads, and hide from Django that the session was accessed.

    A response that depends on the session needs `Vary: Cookie`, which Django adds if
    `session.accessed` is true. Loading the user for an event must not set it, but the view's
    own use of `request.user` must. So *lazy* is reset, and loads the same user without a
    second query.
    """
    was_accessed = getattr(session, "accessed", True)
    lazy._setup()  # noqa: SLF001  # Django calls it too; it is private, but as old as the class
    user = lazy._wrapped  # noqa: SLF001
    if was_accessed or not session.accessed or session.modified:
        return user
    if not issubclass(type(lazy), SimpleLazyObject):
        # The view's own use could not be detected. An unnecessary `Vary` does less harm than a
        # missing one.
        return user
    session.accessed = False

    def load_again() -> Any:
        session.accessed = True
        return user

    # Other code may have a reference to *lazy*, so it cannot be replaced.
    lazy.__dict__["_setupfunc"] = load_again
    lazy._wrapped = empty  # noqa: SLF001
    return user
