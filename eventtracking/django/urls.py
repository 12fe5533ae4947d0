"""Where browsers send their events: `path("", include("eventtracking.django.urls"))`."""

from __future__ import annotations

import re

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from eventtracking.django import views
from eventtracking.django.collecting import NAMESPACE
from eventtracking.web.collector.client_files import TYPES


class _FileConverter(StringConverter):  # type: ignore[misc]  # Django is not typed
    """Matches the names of the client's files only: paths beside them stay the project's."""

    regex = "|".join(map(re.escape, TYPES))


register_converter(_FileConverter, "eventtracking_file")

app_name = NAMESPACE

urlpatterns = [
    path("event", views.event, name="event"),
    path("event/<eventtracking_file:name>", views.client, name="client"),
]
