"""Send events to Google Analytics 4, by its Measurement Protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack, get_args

from eventtracking._options import BOOLEAN, NON_EMPTY_TEXT, Options, Rule, one_of, optional
from eventtracking.delivery import DeliveryOptions, HttpClient, NetworkBackend
from eventtracking.delivery.options import batch_limits, check_delivery_options
from eventtracking.destinations.google_analytics.destination import MeasurementProtocol
from eventtracking.destinations.google_analytics.identity import (
    IdentityEncoder,
    UserId,
    check_consent,
    check_user_properties,
)
from eventtracking.destinations.google_analytics.names import (
    EventNames,
    check_names,
    check_params,
)
from eventtracking.destinations.google_analytics.parameters import ParameterEncoder
from eventtracking.destinations.google_analytics.payloads import MAX_AGE_SECONDS, PayloadEncoder
from eventtracking.destinations.key_forms import is_key, is_measurement_id

_COURSE = ("course_id", "org_id")

_MEASUREMENT_ID = Rule("the id of a web stream, such as 'G-ABC1234567'", is_measurement_id)
_SECRET = Rule(
    "text without spaces, made in Google Analytics: Admin > Data streams > the stream > "
    "Measurement Protocol API secrets",
    is_key,
)


class GoogleAnalyticsBackend(NetworkBackend):
    """
    Send each event to Google Analytics, with its data as flat and short parameters.

    Google does not recognise repeats. So an event is sent again only if nothing of it was
    sent before; otherwise it is counted as lost, `rejected`. Google accepts events of the
    last 72 hours, which is the default of `max_age`.

    An event needs a client: `client_id` in its context, or else a `user_id` or the
    `anonymous_id` of the browser client, which become a pseudonym. Otherwise it is counted
    as lost, `rejected`.

    Args:
        measurement_id: The id of the web stream, such as `G-ABC1234567`.
        api_secret: A secret of the stream for the Measurement Protocol.
        endpoint: The URL; `https://region1.google-analytics.com` collects in the EU.
        names: Names of events in Google Analytics, by their names here.
        params: The parameters that are kept when an event has more than 25, the most
            important first, by their names in Google Analytics. They are sent even if they
            look like personal data.
        context_fields: The fields of the context that become parameters.
        user_properties: The fields of the context that become user properties, 25 at most.
        user_id: Whether the user's id is sent: `"off"`, as a `"pseudonym"`, or `"plain"`.
        pseudonym_secret: The key of pseudonyms. Default: *api_secret*, so that pseudonyms
            change with it.
        consent: `ad_user_data` and `ad_personalization`, each `"GRANTED"` or `"DENIED"`,
            for every event without a `consent` in its context.
        validate: Send events to Google's validation server instead, which adds them to no
            report, and log its messages.
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
        options = Options(type(self).__name__)
        options.check("measurement_id", measurement_id, _MEASUREMENT_ID)
        options.check("api_secret", api_secret, _SECRET, secret=True)
        stream = {"measurement_id": measurement_id, "api_secret": api_secret}
        client = options.build(lambda: _client(options.owner, endpoint, stream))
        check_names(options, names)
        params = check_params(options, params)
        context_fields = options.check_list("context_fields", context_fields, NON_EMPTY_TEXT)
        user_properties = check_user_properties(options, user_properties)
        options.check("user_id", user_id, one_of(*get_args(UserId)))
        secret_rule = optional(NON_EMPTY_TEXT)
        options.check("pseudonym_secret", pseudonym_secret, secret_rule, secret=True)
        check_consent(options, consent)
        options.check("validate", validate, BOOLEAN)
        check_delivery_options(options, delivery, MeasurementProtocol.limits)
        options.raise_problems()
        identities = IdentityEncoder(
            pseudonym_secret or api_secret,
            user_id=user_id,
            user_properties=user_properties,
            consent=consent or {},
        )
        parameters = ParameterEncoder(params, context_fields)
        encoder = PayloadEncoder(EventNames(names or {}), parameters, identities)
        destination = MeasurementProtocol(encoder, client, validate=validate)
        delivery.setdefault("max_age", MAX_AGE_SECONDS)
        super().__init__(destination, **delivery)
        # The operator may want smaller batches than Google accepts.
        destination.request_limits = batch_limits(self._options, destination.limits)


def _client(owner: str, endpoint: str, stream: Mapping[str, str]) -> HttpClient:
    headers = {"Content-Type": "application/json"}
    return HttpClient(
        endpoint, owner=owner, option="endpoint", headers=headers, secret_query=stream
    )
