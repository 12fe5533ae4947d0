"""The URLs of the collector: `path("", include("eventtracking.django.urls"))`."""

from __future__ import annotations

import re

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from eventtracking.django import views
from eventtracking.django.collecting import NAMESPACE
from eventtracking.web.collector.client_files import MEDIA_TYPES


class _FileConverter(StringConverter):  # type: ignore[misc]  # Django is not typed
    """Matches only the names of the client's files, so that a project may have other paths."""

    regex = "|".join(map(re.escape, MEDIA_TYPES))


register_converter(_FileConverter, "eventtracking_file")

app_name = NAMESPACE

urlpatterns = [
    path("event", views.event, name="event"),
    path("event/<eventtracking_file:name>", views.client, name="client"),
]
