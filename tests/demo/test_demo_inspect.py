"""`eventtracking demo --inspect`: the events as three vendors would receive them."""

import json
import re
import signal
import time
import urllib.request

import pytest
from demo_site import Site

from eventtracking.demo import simulation
from eventtracking.demo.destination_verification import verify_destinations
from eventtracking.inspector.server import Inspector


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


def test_every_destination_gets_every_event_of_the_simulation(once):
    """The program verifies that itself."""
    output, errors, code = once("--inspect")

    assert (errors, code) == ("", 0)
    assert output.splitlines()[-1] == (
        "Segment, Datadog and Google Analytics would have accepted every event."
    )


def test_a_click_in_the_demo_appears_in_the_inspector(start, log):
    """The addresses of both pages are printed."""
    demo = start("--inspect", "--port", "0")
    lines = [demo.stdout.readline() for _ in range(4)]
    page, inspector = re.findall(r"http://127\.0\.0\.1:\d+/?", "".join(lines))
    Site(page, log).act("/enroll")
    deadline = time.monotonic() + 60
    while (shown := fetch(f"{inspector}/all"))["counts"]["good"] < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert {event["destination"] for event in shown["events"]} == {
        "segment",
        "datadog",
        "google_analytics",
    }
    assert shown["counts"]["bad"] == 0
    demo.send_signal(signal.SIGINT)
    assert demo.communicate(timeout=60)[1] == ""


@pytest.fixture
def inspector():
    inspector = Inspector()
    yield inspector
    inspector.close()


def test_a_destination_without_its_events_is_named(inspector):
    """Here, the inspector received nothing at all."""
    lines = verify_destinations(inspector.events, simulation.plan())

    assert [line.partition(" got {}")[0] for line in lines] == [
        "segment",
        "datadog",
        "google_analytics",
    ]


def test_an_event_that_a_destination_would_refuse_is_named(inspector):
    """With the reason."""
    request = urllib.request.Request(
        f"{inspector.url}/v1/track", b'{"event": "a.b"}', {"Content-Type": "application/json"}
    )
    fetch(request)

    problems = verify_destinations(inspector.events, [])
    assert problems[0].startswith("segment would refuse a.b: ")
