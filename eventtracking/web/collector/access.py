"""Decide whether a client may send a request, before the body is read."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from eventtracking._options import BOOLEAN, Options, Rule, whole_number
from eventtracking.web.collector.body_decoding import parse_fields
from eventtracking.web.collector.collector_request import CollectorRequest
from eventtracking.web.collector.legacy_form import PAGE_CLOSE
from eventtracking.web.collector.origins import Origins
from eventtracking.web.collector.rate_limit import RateLimit
from eventtracking.web.collector.refusals import RequestRefused


class AccessControl:
    """
    The checks of a request's method, origin and rate.

    Args:
        origins: The origins whose pages may send events.
        page_close_by_get: Whether the event `page_close` may be sent with GET.
        rate: The number of requests per second of one client, or `None` for no limit.
        burst: The number of requests that one client may send at once.
        clock: Returns monotonic seconds.
        options: Collects the problems of the options.
    """

    def __init__(
        self,
        origins: Origins,
        page_close_by_get: bool,
        *,
        rate: float | None,
        burst: int,
        clock: Callable[[], float],
        options: Options,
    ) -> None:
        options.check("page_close_by_get", page_close_by_get, BOOLEAN)
        is_rate = options.check("rate", rate, _RATE)
        is_burst = options.check("burst", burst, whole_number(1, unit="requests"))
        self._origins = origins
        self._page_close_by_get = page_close_by_get
        self._rate_limit: RateLimit | None = None
        if is_rate and is_burst and rate is not None:
            self._rate_limit = RateLimit(rate=rate, burst=burst, clock=clock)

    def check_sender(self, request: CollectorRequest, has_token: Callable[[], bool] | None) -> None:
        """
        Check the method and the origin.

        Args:
            request: The request.
            has_token: Returns whether the request has a valid CSRF token, which is accepted
                in place of an allowed origin.

        Raises:
            RequestRefused: If the request is not allowed.
        """
        if request.method not in ("POST", "OPTIONS") and not self._is_page_close(request):
            raise RequestRefused("method")
        if not self._origins.may_send(request.headers) and not (has_token and has_token()):
            raise RequestRefused("foreign_origin")

    def check_rate(self, request: CollectorRequest) -> None:
        """
        Count the request, and check the rate of its client.

        Raises:
            RequestRefused: If the client has sent too many requests.
        """
        seconds = self._rate_limit.seconds_to_wait(request.ip) if self._rate_limit else 0.0
        if seconds:
            raise RequestRefused("rate_limited", retry_after=ceil(seconds))

    def _is_page_close(self, request: CollectorRequest) -> bool:
        if request.method != "GET" or not self._page_close_by_get:
            return False
        return parse_fields(request.query).get("event_type") == PAGE_CLOSE


def _is_rate(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value is None
    return 0 < value < float("inf")


_RATE = Rule("a number above 0, or None", _is_rate)
