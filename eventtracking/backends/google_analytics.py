"""Send events to Google Analytics 4, by its Measurement Protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

from eventtracking.delivery import DeliveryOptions, HttpClient, NetworkBackend
from eventtracking.delivery.options import batch_limits
from eventtracking.destinations.google_analytics.clients import Clients, UserId
from eventtracking.destinations.google_analytics.destination import MeasurementProtocol
from eventtracking.destinations.google_analytics.events import MAX_AGE_SECONDS, Events
from eventtracking.destinations.google_analytics.names import EventNames
from eventtracking.destinations.google_analytics.parameters import Parameters
from eventtracking.destinations.key_forms import is_key, is_measurement_id
from eventtracking.exceptions import ImproperlyConfigured

_WHO = "GoogleAnalyticsBackend"

_COURSE = ("course_id", "org_id")


class GoogleAnalyticsBackend(NetworkBackend):
    """
    Send each event to Google Analytics, flat and short as it takes them.

    Google does not tell repeats apart. So an event is sent again only while it is sure that
    nothing of it went out; otherwise it is counted as lost, `rejected`. It takes events
    of the last 72 hours: `max_age` is that, unless it is given.

    An event needs a client: `client_id` in its context, or else a `user_id` or the
    `anonymous_id` of the browser client, which become a pseudonym. Otherwise it is counted
    as lost, `rejected`.

    Args:
        measurement_id: The id of the web stream, such as `G-ABC1234567`.
        api_secret: A secret of the stream for the Measurement Protocol.
        endpoint: Where to; `https://region1.google-analytics.com` collects in the EU.
        names: What to call some events there, by their names here.
        params: The parameters that are kept when an event has more than 25, the most
            important first, as they are called there. They are sent even if they look like
            something that tells who somebody is.
        context_fields: The fields of the context that become parameters.
        user_properties: The fields of the context that become user properties, 25 at most.
        user_id: Whether the user's id is sent: `"off"`, as a `"pseudonym"`, or `"plain"`.
        pseudonym_secret: What pseudonyms are made with. Default: *api_secret*, so that they
            change with it.
        consent: `ad_user_data` and `ad_personalization`, each `"GRANTED"` or `"DENIED"`,
            for all events but those whose context has a `consent` of its own.
        validate: Send events to Google's validation server instead, which puts them
            into no report, and log what it says of them.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the extra `http` is not installed.
    """

    def __init__(
        self,
        measurement_id: str,
        api_secret: str,
        *,
        endpoint: str = "https://www.google-analytics.com",
        names: Mapping[str, str] | None = None,
        params: Sequence[str] = _COURSE,
        context_fields: Sequence[str] = _COURSE,
        user_properties: Sequence[str] = (),
        user_id: UserId = "off",
        pseudonym_secret: str | None = None,
        consent: Mapping[str, str] | None = None,
        validate: bool = False,
        **delivery: Unpack[DeliveryOptions],
    ) -> None:
        _check_stream(measurement_id, api_secret, pseudonym_secret)
        if not isinstance(validate, bool):
            raise ImproperlyConfigured(f"{_WHO}: validate must be true or false, got {validate!r}")
        events = Events(
            EventNames(names, who=_WHO),
            Parameters(params, context_fields, who=_WHO),
            Clients(
                pseudonym_secret or api_secret,
                user_id=user_id,
                user_properties=user_properties,
                consent=consent,
                who=_WHO,
            ),
        )
        client = HttpClient(
            endpoint,
            owner=_WHO,
            option="endpoint",
            headers={"Content-Type": "application/json"},
            secret_query={"measurement_id": measurement_id, "api_secret": api_secret},
        )
        destination = MeasurementProtocol(events, client, validate=validate)
        delivery.setdefault("max_age", MAX_AGE_SECONDS)
        super().__init__(destination, **delivery)
        # As the operator wants it, where that is less than Google takes.
        destination.most = batch_limits(self._options, destination.limits)


def _check_stream(measurement_id: str, api_secret: str, pseudonym_secret: str | None) -> None:
    if not is_measurement_id(measurement_id):
        raise ImproperlyConfigured(
            f"{_WHO}: measurement_id must be that of a web stream, such as 'G-ABC1234567', "
            f"got {measurement_id!r}"
        )
    # What is wrong with a secret is not shown: it may be the secret with a letter too much.
    if not is_key(api_secret):
        raise ImproperlyConfigured(
            f"{_WHO}: api_secret must be a text without spaces. It is made in Google Analytics: "
            "Admin > Data streams > the stream > Measurement Protocol API secrets"
        )
    if pseudonym_secret is not None and not (
        isinstance(pseudonym_secret, str) and pseudonym_secret
    ):
        raise ImproperlyConfigured(f"{_WHO}: pseudonym_secret must be a text or None")
