"""`eventtracking demo --inspect`: the same clicks, seen by the stand-ins of three vendors."""

import json
import re
import signal
import time
import urllib.request
from collections import Counter

import pytest
from demo_site import Site

from eventtracking.demo import drive
from eventtracking.demo.inspected import inspected
from eventtracking.inspector.server import Inspector

EVENTS = Counter(step.event for step in drive.plan() if not step.is_dropped)


def ask(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def test_every_destination_gets_every_event_of_the_demonstration(once):
    """It verifies that by itself, and says so."""
    output, complaint, code = once("--inspect")

    assert (complaint, code) == ("", 0)
    assert output.splitlines()[-1] == (
        "Segment, Datadog and Google Analytics would have got every one, and taken it."
    )


def test_a_click_is_seen_on_the_page_of_the_inspector(start, log):
    """Both pages are announced, and what was clicked on one is listed on the other."""
    demo = start("--inspect", "--port", "0")
    lines = [demo.stdout.readline() for _ in range(4)]
    page, seen = re.findall(r"http://127\.0\.0\.1:\d+/?", "".join(lines))
    Site(page, log).act("/enroll")
    deadline = time.monotonic() + 60
    while (shown := ask(f"{seen}/all"))["counts"]["good"] < 3 and time.monotonic() < deadline:
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


def test_what_a_destination_missed_is_named(inspector):
    """An inspector that got nothing at all."""
    lines = inspected(inspector.records, drive.plan())

    assert [line.partition(" got {}")[0] for line in lines] == [
        "segment",
        "datadog",
        "google_analytics",
    ]


def test_what_a_destination_would_refuse_is_named(inspector):
    """With its reason."""
    request = urllib.request.Request(
        f"{inspector.url}/v1/track", b'{"event": "a.b"}', {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()

    assert inspected(inspector.records, [])[0].startswith("segment would refuse a.b: ")
