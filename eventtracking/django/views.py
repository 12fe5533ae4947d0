"""Views that collect the events of browsers, and serve the browser client."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpResponse, RawPostDataException
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware, RejectRequest
from django.views.decorators.csrf import csrf_exempt

from eventtracking.django.collecting import current_collector
from eventtracking.django.middleware import trusted_proxies
from eventtracking.django.request_facts import request_facts
from eventtracking.request import current_request
from eventtracking.web.collector.body_decoding import FORM, MULTIPART, declared_length
from eventtracking.web.response import Response

_CHUNK_BYTES = 65_536


@csrf_exempt  # type: ignore[untyped-decorator]  # Django is not typed
def event(request: Any) -> HttpResponse:
    """
    Collect the events in *request*.

    The origin of the page takes the place of a CSRF token, which a beacon cannot have. If the
    origin is missing or not allowed, a valid token is accepted too.
    """
    collector, headers = current_collector(), _headers(request)
    facts = current_request() or request_facts(request, trusted_proxies())
    response = collector.refusal(
        request.method, headers, facts, has_token=partial(_has_token, request)
    )
    if response is None:
        if _is_parsed(request):
            headers, body = {**headers, "content-type": FORM}, request.POST.urlencode().encode()
        else:
            body = _read(request, collector.max_body_bytes + 1)
        response = collector.take(request.method, headers, body, facts)
    else:
        _discard(request, collector.max_expanded_bytes)
    return _http_response(response)


@csrf_exempt  # type: ignore[untyped-decorator]
def client(request: Any, name: str) -> HttpResponse:
    """Serve the file *name* of the browser client."""
    response = current_collector().client_file(name, request.method, _headers(request))
    return _http_response(response)


def _http_response(response: Response) -> HttpResponse:
    http_response = HttpResponse(response.body, status=response.status)
    # Django's default would declare an empty body to be HTML.
    del http_response["Content-Type"]
    for name, value in response.headers:
        http_response[name] = value
    return http_response


def _headers(request: Any) -> dict[str, str]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    # get_host() respects USE_X_FORWARDED_HOST. Django answers other hosts than ALLOWED_HOSTS
    # with 400.
    return {**headers, "host": request.get_host()}


def _has_token(request: Any) -> bool:
    """Return whether *request* has a valid CSRF token, in a header or in a form."""
    is_in_header, is_form = (
        bool(request.META.get(settings.CSRF_HEADER_NAME)),
        _is_small_form(request),
    )
    if request.method != "POST" or not (is_in_header or is_form):
        return False
    if is_form:
        # Django keeps a body that was read as a whole. The check below parses a multipart form
        # from the stream otherwise, and the collector could not read it again.
        _read(request, current_collector().max_body_bytes)
    check = CsrfViewMiddleware(lambda _: None)
    check.process_request(request)
    try:
        # process_view() would also check the origin, which the collector has done.
        check._check_token(request)  # noqa: SLF001
    except (RejectRequest, SuspiciousOperation, MultiPartParserError):
        return False
    return True


def _is_small_form(request: Any) -> bool:
    """Return whether *request* is a form that may be read before its sender is checked."""
    length = declared_length({"content-length": request.META.get("CONTENT_LENGTH") or ""})
    is_small = length is not None and length <= current_collector().max_body_bytes
    return is_small and request.content_type in (FORM, MULTIPART)


def _is_parsed(request: Any) -> bool:
    """Return whether a middleware has parsed a multipart form, whose body Django does not keep."""
    is_read = hasattr(request, "_post") and not hasattr(request, "_body")
    return is_read and request.content_type == MULTIPART


def _read(request: Any, most: int) -> bytes:
    """Return the first *most* bytes of the body or more; nothing if it cannot be read."""
    try:
        if hasattr(request, "_body") or request.META.get("CONTENT_LENGTH"):
            # Middleware may have read the body before, or may read it later.
            return bytes(request.body)
        return bytes(request.read(most))
    except RequestDataTooBig:
        return b" " * most
    except (OSError, RawPostDataException):
        # The client disconnected, or middleware has read the stream without keeping it.
        return b""


def _discard(request: Any, most: int) -> None:
    """
    Read up to *most* bytes of the body.

    A client may lose the response if the server closes the connection with unread bytes.
    """
    try:
        while most > 0 and (chunk := request.read(_CHUNK_BYTES)):
            most -= len(chunk)
    except (OSError, RequestDataTooBig):
        return
