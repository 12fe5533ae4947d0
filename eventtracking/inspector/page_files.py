"""The files of a local page, and the headers that keep everything else out of it."""

from __future__ import annotations

from importlib.resources import files

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.svg": ("page.svg", "image/svg+xml"),
}

# A page needs its own files and its own server, and nothing else.
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
)

SECURITY_HEADERS = (
    ("Content-Security-Policy", "; ".join(_POLICY)),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
"""Headers for every response of a server with a page."""


def page_files(package: str) -> dict[str, tuple[bytes, str]]:
    """Return the content and the content type of each file of the page in *package*, by path."""
    folder = files(package)
    return {
        path: ((folder / name).read_bytes(), content_type)
        for path, (name, content_type) in _FILES.items()
    }
