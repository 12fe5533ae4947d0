"""The user and the session of a request."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_128
from typing import Any, Protocol

import six


class Visitor(Protocol):
    """The user and the session of a request. Read for each event, so both may change."""

    def session(self) -> str:
        """Return text that identifies the session but cannot be used to take it over."""

    def user(self) -> tuple[Any, str]:
        """
        Return the user's id and name.

        `("", "")` if the user is not known, `(None, "")` if nobody is logged in.
        """


class CallbackVisitor:
    """
    Reads the user and the session of a request from functions.

    Each function is called again for the next event until it returns a value.

    Args:
        request: The argument of the functions.
        session: Returns the text of `Visitor.session`.
        user: Returns the user's id and name, or `None`.
    """

    __slots__ = ("_read_session", "_read_user", "_request", "_session", "_user")

    def __init__(
        self,
        request: Any,
        *,
        session: Callable[[Any], str] | None = None,
        user: Callable[[Any], tuple[Any, str] | None] | None = None,
    ) -> None:
        self._request = request
        self._read_session = session
        self._read_user = user
        self._session = ""
        self._user: tuple[Any, str] = ("", "")

    def session(self) -> str:
        """Return the result of the function *session*."""
        if self._read_session is not None and not self._session:
            try:
                self._session = six.ensure_text(self._read_session(self._request) or "", "latin-1")
            except Exception:
                # The next event would only wait for the same broken store.
                self._read_session = None
                raise
        return self._session

    def user(self) -> tuple[Any, str]:
        """Return the result of the function *user*."""
        if self._read_user is not None and not any(self._user):
            try:
                user_id, username = self._read_user(self._request) or ("", "")
            except Exception:
                self._read_user = None
                raise
            self._user = (user_id, username or "")
        return self._user


def session_digest(secret: str | bytes, key: str | bytes) -> str:
    """
    Return a digest that identifies the session with this *key* in events.

    The key, with which anybody could take over the session, cannot be computed from it.

    Args:
        secret: A secret of the site.
        key: The key of the session. The digest is empty without one.
    """
    if not key:
        return ""
    return shake_128(six.ensure_binary(secret) + six.ensure_binary(key)).hexdigest(16)
