"""`FakeDestinations`: the inspector in the tests of an application."""

import json
import socket
import subprocess
import sys
import urllib.request

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.testing import FakeDestinations


def track(fake, *names):
    batch = [{"type": "track", "event": name, "userId": "7"} for name in names]
    request = urllib.request.Request(
        f"{fake.segment_host}/v1/batch",
        json.dumps({"batch": batch, "writeKey": "k"}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.status


def test_a_test_sees_what_would_have_been_sent(fake_destinations):
    """The fixture needs no import."""
    track(fake_destinations, "edx.video.played", "")
    good, bad = fake_destinations.events("segment")

    assert (good["name"], good["payload"]["userId"], good["good"]) == (
        "edx.video.played",
        "7",
        True,
    )
    assert bad["reasons"] == ["track: event must be a non-empty string"]
    assert fake_destinations.events() == [good, bad]
    assert fake_destinations.events("datadog") == []


def test_each_destination_has_an_address():
    """In the form that the options of the backends take."""
    with FakeDestinations() as fake:
        assert fake.segment_host == fake.google_endpoint == fake.datadog_endpoint
        assert fake.segment_host.startswith("http://127.0.0.1:")
        host, port = fake.statsd_address
        assert host == "127.0.0.1"
        assert port > 0


def test_a_destination_fails_on_demand():
    """Until its script is used up or removed by a reset."""
    with FakeDestinations() as fake:
        fake.script("segment", "500,500")
        with pytest.raises(urllib.error.HTTPError) as failed:
            track(fake, "a")
        failed.value.close()
        fake.reset()

        assert track(fake, "b") == 200
        assert [event["name"] for event in fake.events()] == ["b"]
        with pytest.raises(ImproperlyConfigured):
            fake.script("segment", "5")


def test_a_test_can_wait_for_datagrams():
    """If they do not arrive, the error shows the events that did."""
    with FakeDestinations() as fake, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a:1|c", fake.statsd_address)
        [event] = fake.wait_for_events(1, "datadog")

        assert event["payload"]["values"] == [1]
        with pytest.raises(AssertionError, match=r"expected 2 event\(s\) in 0 s; got \[.*'a'"):
            fake.wait_for_events(2, timeout=0)


def test_use_outside_a_with_statement_is_an_error():
    """Before the block as well as after it."""
    fake = FakeDestinations()
    with pytest.raises(RuntimeError, match="with statement"):
        fake.events()
    with fake:
        assert fake.events() == []
    with pytest.raises(RuntimeError, match="with statement"):
        fake.reset()


def test_it_can_be_restarted_on_the_same_port():
    """As a vendor that was down and is up again."""
    with FakeDestinations() as fake:
        port = int(fake.segment_host.rpartition(":")[2])
        track(fake, "a")
    with FakeDestinations(http_port=port) as fake:
        assert track(fake, "b") == 200
        assert [event["name"] for event in fake.events()] == ["b"]


def test_the_number_of_kept_events_can_be_set():
    """For good events and for bad ones."""
    with FakeDestinations(max_events=2) as fake:
        track(fake, "", *"abc")

        assert [event["name"] for event in fake.events()] == ["", "b", "c"]


def test_capturing_events_loads_no_network_modules():
    """The server is imported when a test uses it."""
    code = "import sys, eventtracking.testing; print('socket' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
