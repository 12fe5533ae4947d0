"""A Django project with a collector, as a WSGI and as an ASGI application."""

import secrets

import django
import tracking
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    AUTHENTICATION_BACKENDS=["visitors.Backend"],
    EVENT_TRACKING_BACKENDS=tracking.backends(),
    EVENT_TRACKING_COLLECTOR={
        "allowed_origins": ["https://friend.example"],
        "reserved_prefixes": ["edx."],
        "rate": None,
        "duplicates_path": tracking.shared("ids"),
    },
    EVENT_TRACKING_ENABLED=True,
    EVENT_TRACKING_PROCESSORS=tracking.PROCESSORS,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "eventtracking.django"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "eventtracking.django.middleware.TrackMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    ROOT_URLCONF="collector_django_site",
    SECRET_KEY="only for tests",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    USE_TZ=True,
)
django.setup()

from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import include, path  # noqa: E402

PAGE = engines["django"].from_string(
    """
    {% load eventtracking %}<!doctype html><title>shop</title>
    {% eventtracking_js page_views=True page_close=True batch_seconds=0.1 %}
    <button>Buy</button>
    <script nonce="{{ csp_nonce }}">
      eventtracking.context("cart", { items: 3, user_id: 666 });
      document.querySelector("button").addEventListener("click", (event) => {
        eventtracking.emit("button.clicked", { text: event.target.textContent });
      });
    </script>
    """
)


def page(request):
    """Return a page with the strictest policy that allows its script."""
    nonce = secrets.token_urlsafe(16)
    response = HttpResponse(PAGE.render({"csp_nonce": nonce}))
    policy = f"default-src 'none'; connect-src 'self'; script-src 'nonce-{nonce}'"
    response["Content-Security-Policy"] = policy
    return response


urlpatterns = [path("", include("eventtracking.django.urls")), path("page", page)]

application = WSGIHandler()
_asgi = ASGIHandler()


async def asgi_application(scope, receive, send):
    if scope["type"] == "http":
        await _asgi(scope, receive, send)
