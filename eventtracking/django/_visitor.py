"""Who makes a request, asked of Django without leaving a trace in the request."""

from __future__ import annotations

from asyncio import get_running_loop
from typing import Any

from django.conf import settings
from django.utils.functional import LazyObject, SimpleLazyObject, empty

from eventtracking.request import session_digest

_UNKNOWN: Any = object()
_NOBODY: Any = object()


class DjangoVisitor:
    """
    The user and the session of *request*, as they are at the moment of asking.

    A view that authenticates by token, logs in or logs out changes `request.user`, and
    the next event sees that.
    """

    __slots__ = ("_digest", "_facts", "_key", "_known", "_lazy", "_loaded", "_request")

    def __init__(self, request: Any) -> None:
        self._request = request
        self._key: str | None = None
        self._digest = ""
        self._lazy: Any = None
        self._loaded: Any = _UNKNOWN
        self._known: Any = None
        self._facts: tuple[Any, str] = ("", "")

    def session(self) -> str:
        """Return the digest of the session's key; after a logout, still that of the last one."""
        key = getattr(getattr(self._request, "session", None), "session_key", None)
        if key and key != self._key:
            self._digest = session_digest(settings.SECRET_KEY, key)
            self._key = key
        return self._digest

    def user(self) -> tuple[Any, str]:
        """Return the user's id and name."""
        user: Any = getattr(self._request, "user", None)
        # By the type: isinstance() asks for the class, and to answer that a lazy user wakes.
        if issubclass(type(user), LazyObject):
            user = self._behind(user) if user._wrapped is empty else user._wrapped  # noqa: SLF001
        if user is not self._known:
            self._facts = _facts_of(user)
            # Nobody yet may be somebody soon, as soon as it is saved.
            self._known = user if self._facts[0] is not None else _NOBODY
        return self._facts

    def _behind(self, lazy: Any) -> Any:
        """Return the user that *lazy* would load, loading it if that may be done here."""
        # What `await request.auser()` found. Django has no public name for it.
        user = getattr(self._request, "_acached_user", _UNKNOWN)
        if user is not _UNKNOWN:
            return user
        if lazy is not self._lazy and not _in_event_loop():
            # Noted first: what cannot be loaded is not tried again at every event.
            self._lazy = lazy
            self._loaded = _UNKNOWN
            self._loaded = _load(lazy, getattr(self._request, "session", None))
        return self._loaded if lazy is self._lazy else _UNKNOWN


def _facts_of(user: Any) -> tuple[Any, str]:
    if user is None or user is _UNKNOWN:
        return "", ""
    username = user.username if hasattr(user, "username") else user.get_username()
    return user.pk, username or ""


def _in_event_loop() -> bool:
    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def _load(lazy: Any, session: Any) -> Any:
    """
    Return the user that *lazy* loads, and let nothing of the request show that it did.

    A response that depends on the session has to say `Vary: Cookie`, and Django knows
    that by `session.accessed`. Our asking does not count for that. The view's own use of
    `request.user` does, so it finds *lazy* asleep, ready to wake without a second query.
    """
    was_accessed = getattr(session, "accessed", True)
    lazy._setup()  # noqa: SLF001  # what Django itself calls; private, but as old as the class
    user = lazy._wrapped  # noqa: SLF001
    if was_accessed or not session.accessed or session.modified:
        return user
    if not issubclass(type(lazy), SimpleLazyObject):
        # Nothing would tell of the view's own use. A `Vary` too many does less harm.
        return user
    session.accessed = False

    def wake() -> Any:
        session.accessed = True
        return user

    # Not a new lazy object in its place: some code may hold this one already.
    lazy.__dict__["_setupfunc"] = wake
    lazy._wrapped = empty  # noqa: SLF001
    return user
