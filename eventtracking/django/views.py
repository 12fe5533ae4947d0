"""Views that take the events of browsers, and serve the client that sends them."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpResponse, RawPostDataException
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware, RejectRequest
from django.views.decorators.csrf import csrf_exempt

from eventtracking.django._visitor import DjangoVisitor
from eventtracking.django.collecting import current_collector
from eventtracking.django.middleware import trusted_proxies
from eventtracking.request import RequestFacts, current_request
from eventtracking.web.answer import Answer
from eventtracking.web.collector.bodies import FORM, MULTIPART, declared_length

_CHUNK = 65_536


@csrf_exempt  # type: ignore[untyped-decorator]  # Django is not typed
def event(request: Any) -> HttpResponse:
    """
    Take the events in *request*.

    The origin of the page takes the place of a token: a beacon can carry none. Where the
    origin says no, or nothing, a valid token of Django's does as well.
    """
    collector, headers = current_collector(), _headers(request)
    facts = current_request() or _facts(request)
    answer = collector.refusal(
        request.method, headers, facts, has_token=partial(_has_token, request)
    )
    if answer is None:
        if _is_parsed(request):
            headers, body = {**headers, "content-type": FORM}, request.POST.urlencode().encode()
        else:
            body = _body(request, collector.max_body_bytes + 1)
        answer = collector.take(request.method, headers, body, facts)
    else:
        _pass_over(request, collector.max_expanded_bytes)
    return _response(answer)


@csrf_exempt  # type: ignore[untyped-decorator]
def client(request: Any, name: str) -> HttpResponse:
    """Serve the file of the client that is called *name*."""
    return _response(current_collector().client_file(name, request.method, _headers(request)))


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    # Django's own would say that an answer without a body is HTML.
    del response["Content-Type"]
    for name, value in answer.headers:
        response[name] = value
    return response


def _headers(request: Any) -> dict[str, str]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    # With USE_X_FORWARDED_HOST it is what a proxy says. A host that is none of ours is a 400.
    return {**headers, "host": request.get_host()}


def _facts(request: Any) -> RequestFacts:
    """Return the facts about a request that no middleware noted."""
    return RequestFacts(
        partial(getattr, request, "META"),
        visitor=DjangoVisitor(request),
        trusted_proxies=trusted_proxies(),
    )


def _has_token(request: Any) -> bool:
    """Tell whether *request* has the token of Django's protection against forgery, a valid one."""
    is_in_header, is_form = (
        bool(request.META.get(settings.CSRF_HEADER_NAME)),
        _is_small_form(request),
    )
    if request.method != "POST" or not (is_in_header or is_form):
        return False
    if is_form:
        # Kept from now on: the check would read the parts of a form, and leave us none.
        _body(request, current_collector().max_body_bytes)
    check = CsrfViewMiddleware(lambda _: None)
    check.process_request(request)
    try:
        # Not process_view: that asks for the origin first, which we did ourselves.
        check._check_token(request)  # noqa: SLF001
    except (RejectRequest, SuspiciousOperation, MultiPartParserError):
        return False
    return True


def _is_small_form(request: Any) -> bool:
    """Tell whether *request* is a form that may be read for a token, before it is judged."""
    length = declared_length({"content-length": request.META.get("CONTENT_LENGTH") or ""})
    is_small = length is not None and length <= current_collector().max_body_bytes
    return is_small and request.content_type in (FORM, MULTIPART)


def _is_parsed(request: Any) -> bool:
    """Tell whether a middleware has read the parts of a form, which Django does not keep."""
    is_read = hasattr(request, "_post") and not hasattr(request, "_body")
    return is_read and request.content_type == MULTIPART


def _body(request: Any, most: int) -> bytes:
    """Return the body of *request*, or its first *most* bytes; nothing if it cannot be read."""
    try:
        if hasattr(request, "_body") or request.META.get("CONTENT_LENGTH"):
            # Somebody may have read it already, and somebody may want it after us.
            return bytes(request.body)
        return bytes(request.read(most))
    except RequestDataTooBig:
        return b" " * most
    except (OSError, RawPostDataException):
        # The client went away, or a middleware has read what it did not keep.
        return b""


def _pass_over(request: Any, most: int) -> None:
    """Read what nobody wants: a server that closes on unread bytes takes the answer along."""
    try:
        while most > 0 and (part := request.read(_CHUNK)):
            most -= len(part)
    except (OSError, RequestDataTooBig):
        return
