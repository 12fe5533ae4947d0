"""The tag that puts the client into a page: `{% load eventtracking %}{% eventtracking_js %}`."""

from __future__ import annotations

from typing import Any

from django.template import Library
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from eventtracking.django.collecting import NAMESPACE
from eventtracking.web.collector import CLIENT_FILES

register = Library()

_CLIENT = "eventtracking.js"

_WORDS = {True: "on", False: "off"}


@register.simple_tag(takes_context=True)  # type: ignore[untyped-decorator]  # Django is not typed
def eventtracking_js(context: Any, **attributes: Any) -> str:
    """
    Return the script element that loads the client.

    Arguments become `data-*` attributes: `page_views="on"` is `data-page-views="on"`, and true
    and false are `on` and `off`. The nonce of a Content Security Policy is `csp_nonce` of the
    template's context, or of the request.
    """
    data = {"endpoint": reverse(f"{NAMESPACE}:event"), **attributes}
    pairs = ((name.replace("_", "-"), _word(value)) for name, value in data.items())
    tag: str = format_html(
        '<script src="{}"{}{}></script>',
        _address(),
        format_html(' nonce="{}"', nonce) if (nonce := _nonce(context)) else "",
        format_html_join("", ' data-{}="{}"', pairs),
    )
    return tag


def _address() -> str:
    """Return where the client is, with what changes when it does."""
    address: str = reverse(f"{NAMESPACE}:client", args=[_CLIENT])
    found = CLIENT_FILES.get(_CLIENT)
    return address if found is None else f"{address}?v={found.etag.strip(chr(34))}"


def _nonce(context: Any) -> Any:
    return context.get("csp_nonce") or getattr(context.get("request"), "csp_nonce", None)


def _word(value: Any) -> Any:
    return _WORDS.get(value, value) if isinstance(value, bool) else value
