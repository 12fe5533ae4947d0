"""Metrics, Datadog events and logs, checked by the inspector against Datadog's limits."""

import secrets

import pytest
from datadog_agent import HANG_SECONDS, event, until

from eventtracking.backends.datadog import DatadogBackend, DatadogLogsBackend
from eventtracking.testing import FakeDestinations

pytest.importorskip("datadog")
pytest.importorskip("urllib3")

KINDS = ("increment", "gauge", "histogram", "distribution", "timing")

ROWS = [
    {"event": "*", "metric": f"m.{kind}", "type": kind, "value": "data.n", "tags": {"m": "data.m"}}
    for kind in KINDS
]

TEXTS = ["", "a|b\n", "é" * 300, "\ud800", "course-v1:a+b+c", "1", "\U0001f4a5", 'a"b\\', "\x85"]


@pytest.fixture
def fakes():
    with FakeDestinations() as running:
        yield running


def backends(fakes):
    host, port = fakes.statsd_address
    key = secrets.token_hex(16)
    intake = {"api_key": key, "endpoint": fakes.datadog_endpoint}
    options = {"metrics": ROWS, "event_names": ["*"]}
    yield DatadogBackend(statsd_host=host, statsd_port=port, **options)
    yield DatadogBackend(**intake, **options)
    yield DatadogLogsBackend(**intake)


def test_events_with_any_text_are_valid(fakes):
    """Names, tags, texts and times are within the documented limits."""
    for backend in backends(fakes):
        for text in TEXTS:
            backend.send(event(text, {"n": 1.5, "m": text, "text": text[:3] * 9_000}, text))

        assert backend.flush(HANG_SECONDS)
        assert backend.stats()["lost"] == {}
        backend.close(5)
    # The logs, and the Datadog events of the other two backends.
    until(lambda: len(fakes.events("datadog")) >= 3 * len(TEXTS))

    assert [found for found in fakes.events("datadog") if not found["good"]] == []


def test_metrics_have_the_same_names_through_the_agent_and_the_intake(fakes):
    """A site can move from one to the other and keep its dashboards."""
    names = {"eventtracking.events", *(f"eventtracking.m.{kind}" for kind in KINDS)}
    agent, intake, _ = backends(fakes)
    for backend in (agent, intake):
        fakes.reset()
        backend.send(event("page.viewed", {"n": 1, "m": "x"}))

        assert backend.flush(HANG_SECONDS)
        until(
            lambda: {found["name"] for found in fakes.events("datadog")} == {*names, "page.viewed"}
        )
        backend.close(5)
