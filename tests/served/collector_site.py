"""A site with a collector, as a WSGI and as an ASGI application."""

import tracking

from eventtracking import settings
from eventtracking.web import asgi, wsgi

settings.configure(
    {
        "EVENT_TRACKING_PROCESSORS": tracking.PROCESSORS,
        "EVENT_TRACKING_BACKENDS": tracking.backends(),
    }
)

OPTIONS = {
    "allowed_origins": ["https://friend.example"],
    "reserved_prefixes": ["edx."],
    "rate": None,
    "duplicates_path": tracking.shared("ids"),
}


def site(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


async def async_site(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


application = wsgi.TrackMiddleware(
    wsgi.CollectorMiddleware(site, **OPTIONS),
    user=lambda environ: (environ.get("HTTP_X_USER", ""), environ.get("HTTP_X_USER", "")),
)

asgi_application = asgi.TrackMiddleware(
    asgi.CollectorMiddleware(async_site, **OPTIONS),
    user=lambda scope: (dict(scope["headers"]).get(b"x-user", b"").decode(),) * 2,
)
