"""A Django project that emits events, as a WSGI and as an ASGI application."""

import asyncio
import os

import django
import tracking
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    AUTHENTICATION_BACKENDS=["visitors.Backend"],
    EVENT_TRACKING_BACKENDS=tracking.backends(),
    EVENT_TRACKING_ENABLED=True,
    EVENT_TRACKING_PROCESSORS=tracking.PROCESSORS,
    EVENT_TRACKING_REQUEST_EVENTS=os.environ.get("SERVED_REQUEST_EVENTS"),
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "eventtracking.django"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "eventtracking.django.middleware.TrackMiddleware",
    ],
    ROOT_URLCONF="django_site",
    SECRET_KEY="only for tests",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    USE_TZ=True,
)
django.setup()

from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

from eventtracking.tracker import emit  # noqa: E402

PART = b"x" * 65_536


def page(request, word):
    emit("page", {"of": request.path})
    return HttpResponse(b"ok")


async def async_page(request, word):
    emit("before", {"of": request.path})
    await request.auser()
    await asyncio.gather(
        child(request.path), asyncio.to_thread(emit, "thread", {"of": request.path})
    )
    return HttpResponse(b"ok")


async def child(of):
    await asyncio.sleep(0)
    emit("task", {"of": of})


def boom(request, word):
    emit("boom", {"of": request.path})
    raise RuntimeError(word)


def stream(request, word):
    return StreamingHttpResponse(parts(request.path, 1_000_000 if word == "endless" else 3))


def parts(of, number):
    try:
        for index in range(number):
            emit("part", {"of": of, "index": index})
            yield PART
    finally:
        emit("closed", {"of": of})


async def async_stream(request, word):
    return StreamingHttpResponse(async_parts(request.path, 1_000_000 if word == "endless" else 3))


async def async_parts(of, number):
    try:
        for index in range(number):
            emit("part", {"of": of, "index": index})
            yield PART
            await asyncio.sleep(0)
    finally:
        emit("closed", {"of": of})


urlpatterns = [
    path("page/<word>", page),
    path("apage/<word>", async_page),
    path("boom/<word>", boom),
    path("stream/<word>", stream),
    path("astream/<word>", async_stream),
]

_wsgi = WSGIHandler()
_asgi = ASGIHandler()


def application(environ, start_response):
    if environ["PATH_INFO"] == "/untracked":
        emit("untracked", {"of": "/untracked"})
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
    return _wsgi(environ, start_response)


async def asgi_application(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/untracked":
        emit("untracked", {"of": "/untracked"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await _asgi(scope, receive, send)
