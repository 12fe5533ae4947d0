"""A WSGI application that emits events, with and without the middleware around it."""

import tracking

from eventtracking import settings
from eventtracking.tracker import emit
from eventtracking.web.wsgi import TrackMiddleware

settings.configure(
    {
        "EVENT_TRACKING_PROCESSORS": tracking.PROCESSORS,
        "EVENT_TRACKING_BACKENDS": tracking.backends(),
    }
)


def site(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/boom"):
        emit("boom", {"of": path})
        raise RuntimeError(path)
    if path.startswith("/stream"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return parts(path, 3)
    if path.startswith("/endless"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return parts(path, 1_000_000)
    emit("page", {"of": path})
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def parts(path, number):
    try:
        for index in range(number):
            emit("part", {"of": path, "index": index})
            yield b"x" * 65_536
    finally:
        emit("closed", {"of": path})


tracked = TrackMiddleware(
    site,
    trusted_proxies=["127.0.0.1"],
    session=lambda environ: environ.get("HTTP_X_SESSION", ""),
    user=lambda environ: (environ.get("HTTP_X_USER", ""), environ.get("HTTP_X_USER", "")),
)


def application(environ, start_response):
    is_tracked = not environ["PATH_INFO"].startswith("/untracked")
    return (tracked if is_tracked else site)(environ, start_response)
