"""A Django site with one user, served over HTTP: `python course_site.py LOG DATABASE`."""

import os
import sys
import threading
import warnings
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.http import HttpResponse

LOG, DATABASE = sys.argv[1:]

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    EVENT_TRACKING_ENABLED=True,
    EVENT_TRACKING_BACKENDS={
        "log": {
            "ENGINE": "eventtracking.backends.log_file.LogFileBackend",
            "OPTIONS": {"path": LOG},
        }
    },
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "eventtracking.django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    TRACKING_SEGMENTIO_WEBHOOK_SECRET=os.environ.get("SITE_WEBHOOK_SECRET"),
    TRACKING_SEGMENTIO_DISALLOWED_SUBSTRING_NAMES=[".Bi.Excluded."],
)
django.setup()

from django.contrib.auth import get_user_model, login  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import path  # noqa: E402

from eventtracking.openedx.segment_webhook import segmentio_event  # noqa: E402
from eventtracking.openedx.views import user_track  # noqa: E402


def log_in(request):
    """Log in the only user, and respond with the CSRF token for forms."""
    login(request, get_user_model().objects.get(username="ana"))
    return HttpResponse(get_token(request))


urlpatterns = [
    path("event", user_track),
    path("login", log_in),
    path("segmentio/event", segmentio_event),
]

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("ana", pk=7)
    with make_server("127.0.0.1", 0, get_wsgi_application()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        # Blocks until the test closes the pipe.
        sys.stdin.read()
        server.shutdown()
