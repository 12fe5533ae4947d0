"""Where browsers send their events: `path("", include("eventtracking.django.urls"))`."""

from __future__ import annotations

from django.urls import path

from eventtracking.django import views
from eventtracking.django.collecting import NAMESPACE

app_name = NAMESPACE

urlpatterns = [
    path("event", views.event, name="event"),
    path("event/<str:name>", views.client, name="client"),
]
