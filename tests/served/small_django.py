"""A minimal Django project with this application, for all tests of a process."""

import django
from django.conf import settings


def set_up():
    """Configure Django, unless the tests of another folder have done so."""
    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=[
                "django.contrib.contenttypes",
                "django.contrib.auth",
                "eventtracking.django",
            ],
            SECRET_KEY="only for tests",
            TIME_ZONE="America/New_York",
            USE_TZ=True,
        )
        django.setup()
