"""The identity of an event in Google Analytics: a browser's client id, or a pseudonym."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Literal

from eventtracking._options import Options, Rule
from eventtracking.destinations.google_analytics.parameter_values import parameter_value
from eventtracking.exceptions import EventLost
from eventtracking.serialization import plain

UserId = Literal["off", "pseudonym", "plain"]

MAX_USER_PROPERTIES = 25
MAX_PROPERTY_NAME_CHARACTERS = 24
MAX_PROPERTY_VALUE_CHARACTERS = 36
MAX_USER_ID_CHARACTERS = 256

CONSENTS = ("ad_user_data", "ad_personalization")
"""The purposes that a visitor may consent to."""

_CONSENT_VALUES = ("GRANTED", "DENIED")

_RESERVED_PROPERTIES = (
    "first_open_time",
    "first_visit_time",
    "last_deep_link_referrer",
    "user_id",
    "first_open_after_install",
)
_RESERVED_PREFIXES = ("google_", "ga_", "firebase_")

_PROPERTY_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{MAX_PROPERTY_NAME_CHARACTERS - 1}}}")

_VALID_USER_PROPERTY = (
    "a field of the context with a name that Google Analytics accepts: a letter, then letters, "
    f"digits and _, at most {MAX_PROPERTY_NAME_CHARACTERS} characters, and not a reserved name"
)
_VALID_CONSENT = f"a mapping of {' or '.join(CONSENTS)} to 'GRANTED' or 'DENIED'"

# Google's own ids look like `1162820436.1749482504`. A browser may send any other text.
_CLIENT_ID = re.compile(r"[!-~]{1,100}")


class IdentityEncoder:
    """
    Identify the client of an event, with the fields of the Measurement Protocol.

    Args:
        secret: The key of pseudonyms, without which nobody can trace them to a user.
        user_id: Whether the user's id is sent as well, and in which form.
        user_properties: The fields of the context that become user properties.
        consent: The consent of visitors, unless the context of an event holds another.
    """

    def __init__(
        self,
        secret: str,
        *,
        user_id: UserId,
        user_properties: Iterable[str],
        consent: Mapping[str, str],
    ) -> None:
        self._key = blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        self._user_id = user_id
        self._user_properties = (*user_properties,)
        self._consent = dict(consent)

    def encode(self, context: Mapping[Any, Any]) -> tuple[dict[str, Any], bool]:
        """
        Return the fields of a payload that identify its client, and whether by a pseudonym.

        Raises:
            EventLost: If *context* holds neither a client nor a user nor an anonymous id.
        """
        client_id = context.get("client_id")
        user = context.get("user_id")
        user = "" if user is None else user if type(user) is str else str(plain(user))
        is_browser = isinstance(client_id, str) and _CLIENT_ID.fullmatch(client_id) is not None
        if not is_browser:
            client_id = self._pseudonym(user or _anonymous_user(context))
        fields: dict[str, Any] = {"client_id": client_id}
        if user and self._user_id != "off":
            fields["user_id"] = self._encoded_user_id(user)
        if self._user_properties:
            properties = self._properties(context)
            if properties:
                fields["user_properties"] = properties
        consent = self._consent_of(context)
        if consent:
            fields["consent"] = consent
        return fields, not is_browser

    def _pseudonym(self, user: str) -> str:
        """Return a client id in Google's form, which is always the same for *user*."""
        digest = self._digest(user, 8)
        return f"{int.from_bytes(digest[:4])}.{int.from_bytes(digest[4:])}"

    def _encoded_user_id(self, user: str) -> str:
        if self._user_id == "plain" and len(user) <= MAX_USER_ID_CHARACTERS:
            return user
        return self._digest(user, 16).hex()

    def _digest(self, user: str, size: int) -> bytes:
        text = user.encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=size, key=self._key).digest()

    def _properties(self, context: Mapping[Any, Any]) -> dict[str, dict[str, Any]]:
        values = (
            (name, parameter_value(context.get(name), MAX_PROPERTY_VALUE_CHARACTERS))
            for name in self._user_properties
        )
        return {name: {"value": value} for name, value in values if value is not None}

    def _consent_of(self, context: Mapping[Any, Any]) -> dict[str, str]:
        given = context.get("consent")
        if not isinstance(given, Mapping):
            return self._consent
        values = {name: _consent_value(given.get(name)) for name in CONSENTS}
        return {**self._consent, **{name: value for name, value in values.items() if value}}


def check_user_properties(options: Options, user_properties: Any) -> list[Any]:
    """Return *user_properties* as a list, and note in *options* what Google would not accept."""
    rule = Rule(_VALID_USER_PROPERTY, _is_user_property)
    names = options.check_list("user_properties", user_properties, rule)
    if len(names) > MAX_USER_PROPERTIES:
        options.refuse("user_properties", f"at most {MAX_USER_PROPERTIES} names", len(names))
    return names


def check_consent(options: Options, consent: Any) -> None:
    """Note in *options* what is wrong with the option `consent`."""
    if consent is not None:
        options.check("consent", consent, Rule(_VALID_CONSENT, _is_consent))


def _is_user_property(name: Any) -> bool:
    if not isinstance(name, str) or not _PROPERTY_NAME.fullmatch(name):
        return False
    return name not in _RESERVED_PROPERTIES and not name.startswith(_RESERVED_PREFIXES)


def _is_consent(consent: Any) -> bool:
    return isinstance(consent, Mapping) and all(
        name in CONSENTS and value in _CONSENT_VALUES for name, value in consent.items()
    )


def _anonymous_user(context: Mapping[Any, Any]) -> str:
    """
    Return the anonymous id of the browser client or of the application, as a user.

    Raises:
        EventLost: If there is none.
    """
    page = context.get("page_context")
    client = page.get("eventtracking") if isinstance(page, Mapping) else None
    for known in (context, client):
        anonymous_id = plain(known.get("anonymous_id")) if isinstance(known, Mapping) else None
        if isinstance(anonymous_id, str) and anonymous_id:
            # No id of a user begins like this.
            return f"anonymous\0{anonymous_id}"
    raise EventLost("rejected", "no identity")


def _consent_value(value: Any) -> str:
    if type(value) is bool:
        return "GRANTED" if value else "DENIED"
    return value if isinstance(value, str) and value in _CONSENT_VALUES else ""
