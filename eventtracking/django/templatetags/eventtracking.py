"""The template tag of the browser client: `{% load eventtracking %}{% eventtracking_js %}`."""

from __future__ import annotations

from typing import Any

from django.template import Library
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from eventtracking.django.collecting import NAMESPACE
from eventtracking.web.collector import CLIENT_FILES

register = Library()

_CLIENT = "eventtracking.js"


@register.simple_tag(takes_context=True)  # type: ignore[untyped-decorator]  # Django is not typed
def eventtracking_js(context: Any, **attributes: Any) -> str:
    """
    Return the script element that loads the client.

    Its arguments become `data-*` attributes: `page_views="on"` becomes `data-page-views="on"`.
    True and false become `on` and `off`. The nonce of a Content Security Policy is `csp_nonce`
    in the context of the template, or else of the request.
    """
    data = {"endpoint": reverse(f"{NAMESPACE}:event"), **attributes}
    pairs = ((name.replace("_", "-"), _attribute(value)) for name, value in data.items())
    tag: str = format_html(
        '<script src="{}"{}{}></script>',
        _url(),
        format_html(' nonce="{}"', nonce) if (nonce := _nonce(context)) else "",
        format_html_join("", ' data-{}="{}"', pairs),
    )
    return tag


def _url() -> str:
    """Return the URL of the client, with a query that changes when the file changes."""
    url: str = reverse(f"{NAMESPACE}:client", args=[_CLIENT])
    found = CLIENT_FILES.get(_CLIENT)
    return url if found is None else f"{url}?v={found.etag.strip(chr(34))}"


def _nonce(context: Any) -> Any:
    return context.get("csp_nonce") or getattr(context.get("request"), "csp_nonce", None)


def _attribute(value: Any) -> Any:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value
