"""Who is behind an event, as Google Analytics may know it: a browser, or a pseudonym."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal, get_args

from eventtracking.destinations.google_analytics.names import texts
from eventtracking.destinations.google_analytics.values import written_value
from eventtracking.exceptions import EventLost, ImproperlyConfigured
from eventtracking.serialization import plain

UserId = Literal["off", "pseudonym", "plain"]

MAX_USER_PROPERTIES = 25
MAX_PROPERTY_NAME_CHARACTERS = 24
MAX_PROPERTY_VALUE_CHARACTERS = 36
MAX_USER_ID_CHARACTERS = 256

CONSENTS = ("ad_user_data", "ad_personalization")
"""What a visitor may be asked consent for."""

_ANSWERS = ("GRANTED", "DENIED")
_RESERVED_PROPERTIES = (
    "first_open_time",
    "first_visit_time",
    "last_deep_link_referrer",
    "user_id",
    "first_open_after_install",
)
_RESERVED_PREFIXES = ("google_", "ga_", "firebase_")

_PROPERTY_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{MAX_PROPERTY_NAME_CHARACTERS - 1}}}")

# Of what Google's cookie holds, `1162820436.1749482504`. A browser may send anything, though.
_CLIENT_ID = re.compile(r"[!-~]{1,100}")


class Clients:
    """
    Say who is behind events, in the words of Google Analytics.

    Args:
        secret: Makes pseudonyms that nobody without it can lead back to a user.
        user_id: Whether the user's id is sent as well, and how.
        user_properties: The fields of the context that become user properties.
        consent: What visitors consent to, unless the context of an event says otherwise.
        who: Whose options these are, for errors.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self,
        secret: str,
        *,
        user_id: UserId,
        user_properties: Sequence[str],
        consent: Mapping[str, str] | None,
        who: str,
    ) -> None:
        if user_id not in get_args(UserId):
            modes = ", ".join(get_args(UserId))
            raise ImproperlyConfigured(f"{who}: user_id must be one of {modes}, got {user_id!r}")
        self._user_id = user_id
        self._properties = _checked_properties(user_properties, who)
        self._consent = _checked_consent(consent, who)
        self._key = blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=32).digest()

    def behind(self, context: Mapping[Any, Any]) -> tuple[dict[str, Any], bool]:
        """
        Return what a request says of its client, and whether that client is a pseudonym.

        Raises:
            EventLost: If *context* tells of no browser, no user and no visitor.
        """
        client_id = context.get("client_id")
        user = context.get("user_id")
        user = "" if user is None else user if type(user) is str else str(plain(user))
        is_browser = isinstance(client_id, str) and _CLIENT_ID.fullmatch(client_id) is not None
        if not is_browser:
            client_id = self._pseudonym(user or _visitor(context))
        head: dict[str, Any] = {"client_id": client_id}
        if user and self._user_id != "off":
            head["user_id"] = self._known_as(user)
        if self._properties:
            properties = self._properties_in(context)
            if properties:
                head["user_properties"] = properties
        consent = self._consent_in(context)
        if consent:
            head["consent"] = consent
        return head, not is_browser

    def _pseudonym(self, user: str) -> str:
        """Return what looks like a client's id, always the same for *user*."""
        digest = self._digest(user, 8)
        return f"{int.from_bytes(digest[:4])}.{int.from_bytes(digest[4:])}"

    def _known_as(self, user: str) -> str:
        if self._user_id == "plain" and len(user) <= MAX_USER_ID_CHARACTERS:
            return user
        return self._digest(user, 16).hex()

    def _digest(self, user: str, size: int) -> bytes:
        text = user.encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=size, key=self._key).digest()

    def _properties_in(self, context: Mapping[Any, Any]) -> dict[str, dict[str, Any]]:
        values = (
            (name, written_value(context.get(name), MAX_PROPERTY_VALUE_CHARACTERS))
            for name in self._properties
        )
        return {name: {"value": value} for name, value in values if value is not None}

    def _consent_in(self, context: Mapping[Any, Any]) -> dict[str, str]:
        said = context.get("consent")
        if not isinstance(said, Mapping):
            return self._consent
        answers = {name: _answer(said.get(name)) for name in CONSENTS}
        return {**self._consent, **{name: answer for name, answer in answers.items() if answer}}


def _visitor(context: Mapping[Any, Any]) -> str:
    """
    Return whom the browser client, or the application, tells from other visitors.

    Raises:
        EventLost: If neither does.
    """
    page = context.get("page_context")
    client = page.get("eventtracking") if isinstance(page, Mapping) else None
    for known in (context, client):
        visitor = plain(known.get("anonymous_id")) if isinstance(known, Mapping) else None
        if isinstance(visitor, str) and visitor:
            # As no user is called.
            return f"anonymous\0{visitor}"
    raise EventLost("rejected", "no identity")


def _answer(value: Any) -> str:
    if type(value) is bool:
        return "GRANTED" if value else "DENIED"
    return value if isinstance(value, str) and value in _ANSWERS else ""


def _checked_properties(names: Sequence[str], who: str) -> tuple[str, ...]:
    checked = texts(names, f"{who}: user_properties")
    if len(checked) > MAX_USER_PROPERTIES:
        raise ImproperlyConfigured(
            f"{who}: user_properties must be {MAX_USER_PROPERTIES} at most, got {len(checked)}"
        )
    for name in checked:
        is_taken = name in _RESERVED_PROPERTIES or name.startswith(_RESERVED_PREFIXES)
        if is_taken or not _PROPERTY_NAME.fullmatch(name):
            raise ImproperlyConfigured(
                f"{who}: user_properties must be fields of the context with names that Google "
                f"Analytics takes: a letter, then letters, digits and _, "
                f"{MAX_PROPERTY_NAME_CHARACTERS} at most, and none of Google's own, got {name!r}"
            )
    return checked


def _checked_consent(consent: Mapping[str, str] | None, who: str) -> dict[str, str]:
    given = {} if consent is None else consent
    if (
        not isinstance(given, Mapping)
        or set(given) - set(CONSENTS)
        or any(answer not in _ANSWERS for answer in given.values())
    ):
        raise ImproperlyConfigured(
            f"{who}: consent must say {' or '.join(_ANSWERS)} for {' and '.join(CONSENTS)}, "
            f"got {consent!r}"
        )
    return dict(given)
