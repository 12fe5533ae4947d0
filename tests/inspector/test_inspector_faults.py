"""Scripts of answers: one a request, and then as always."""

import json
import socket
import threading
import time
from http.client import HTTPConnection

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.faults import Fault, Faults, parse


def names(inspector):
    return [record.event.name for record in inspector.records.kept()]


def script(client, text, destination="segment"):
    assert client.post("/faults", {"destination": destination, "script": text})[0] == 200


def test_a_script_is_read_step_by_step():
    """As it stands in the documentation."""
    assert parse("500, 429:2,hang:1.5,hang,reset,refuse,200") == [
        Fault("answer", 500),
        Fault("answer", 429, 2),
        Fault("hang", seconds=1.5),
        Fault("hang"),
        Fault("reset"),
        Fault("refuse"),
        Fault("answer", 200),
    ]
    assert parse(" ") == []


@pytest.mark.parametrize(
    "text",
    ["5000", "99", "600", "429:", "hang:", "hang:x", "sleep", "500,,200", "500;200", 500, None],
)
def test_a_step_that_cannot_be_understood_is_an_error(text):
    """It says what there is."""
    with pytest.raises(ImproperlyConfigured, match="script must be"):
        parse(text)


def test_only_the_three_can_be_told_to_fail():
    """A typing error must not pass for a fault that never comes."""
    with pytest.raises(ImproperlyConfigured, match=r"destination must be .*got 'google'"):
        Faults().script("google", "500")


@pytest.mark.parametrize(
    "content",
    [b"{", [], {}, {"destination": "segment"}, {"destination": "segment", "script": "x"}],
)
def test_a_wrong_script_is_answered_400_and_changes_nothing(client, content):
    """With the reason."""
    status, said = client.post("/faults", content)

    assert (status, list(said)) == (400, ["error"])
    assert client.track("a") == 200


def test_answers_are_given_one_a_request_and_then_as_always(inspector, client):
    """What is refused is not remembered: the vendor would not have it."""
    script(client, "500,429:2,201,503")
    statuses = [client.track(name) for name in "abcdef"]

    assert statuses == [500, 429, 201, 503, 200, 200]
    assert names(inspector) == ["c", "e", "f"]


def test_a_client_is_told_when_to_come_back(client):
    """In the header that all three vendors use."""
    script(client, "429:7")
    status, headers, _ = client.ask("POST", "/v1/batch", b"{}")

    assert (status, headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    ("destination", "path"),
    [
        ("segment", "/v1/track"),
        ("datadog", "/api/v2/logs"),
        ("datadog", "/api/v1/events"),
        ("datadog", "/api/v1/series"),
        ("google_analytics", "/mp/collect"),
        ("google_analytics", "/debug/mp/collect"),
    ],
)
def test_each_destination_has_a_script_of_its_own(client, destination, path):
    """All its paths share it."""
    script(client, "503", destination)
    others = [
        client.ask("POST", other, b"")[0]
        for other in ("/v1/batch", "/api/v2/logs", "/mp/collect")
        if other.split("/")[1] != path.replace("/debug", "").split("/")[1]
    ]

    assert 503 not in others
    assert client.ask("POST", path, b"{}")[0] == 503
    assert client.ask("POST", path, b"{}")[0] != 503


def test_a_new_script_takes_the_place_of_the_old_one(client):
    """An empty one ends it."""
    script(client, "500,500")
    script(client, "503,503")
    assert client.track("a") == 503
    script(client, "")

    assert client.track("a") == 200


def test_a_reset_comes_after_the_events_were_taken(inspector, client):
    """The worst of all: the client cannot know, and must send them again."""
    script(client, "reset")
    with pytest.raises((ConnectionError, OSError)):
        client.track("a")

    assert client.track("b") == 200
    assert names(inspector) == ["a", "b"]


def test_a_refusal_comes_before(inspector, client):
    """Nothing is remembered, and nothing is answered."""
    script(client, "refuse")
    with pytest.raises((ConnectionError, OSError)):
        client.track("a")

    assert names(inspector) == []


class Waits(threading.Event):
    """A wait that is over at once, and remembers how long it was to be."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


def test_a_hang_of_some_time_ends_with_the_normal_answer(inspector, client, monkeypatch):
    """A slow vendor."""
    waits = Waits()
    monkeypatch.setattr(inspector, "closing", waits)
    script(client, "hang:1.5")

    assert client.track("a") == 200
    assert waits.seconds == [1.5]
    assert names(inspector) == ["a"]


def test_a_hang_without_end_lasts_until_the_client_gives_up(inspector, client):
    """It is never answered, and nothing is remembered."""
    script(client, "hang")
    with socket.create_connection(inspector.http_address, timeout=0.3) as connection:
        connection.sendall(
            b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        )
        with pytest.raises(TimeoutError):
            connection.recv(1)

    assert client.track("b") == 200
    assert names(inspector) == ["b"]


@pytest.mark.parametrize("step", ["hang", "hang:9999"])
def test_a_hang_does_not_hold_up_the_end(inspector, client, step):
    """Who hangs is cut off."""
    script(client, step)
    connection = HTTPConnection(client.netloc, timeout=120)
    connection.request("POST", "/v1/batch", b"{}")
    deadline = time.monotonic() + 120
    while inspector.faults._scripts["segment"] and time.monotonic() < deadline:
        time.sleep(0.01)
    inspector.close()

    with pytest.raises((ConnectionError, OSError)):
        connection.getresponse()
    connection.close()


def test_a_keyword_in_a_script_is_answered_as_json(client):
    """So that a test in any language can set one."""
    said = client.post("/faults", {"destination": "datadog", "script": "500"})

    assert said == (200, {"destination": "datadog", "script": "500"})
    assert json.loads(client.ask("POST", "/reset")[2]) == {"counts": {"good": 0, "bad": 0}}
    assert client.ask("POST", "/api/v2/logs", b"[]")[0] == 403
