"""A Django as small as it gets, with this application in it: one for all tests of a process."""

import django
from django.conf import settings


def set_up():
    """Configure Django, unless another folder of tests did."""
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
