"""Fault injection: scripts whose steps are used up one by one, and normal responses afterwards."""

import json
import socket
import threading
from http.client import HTTPConnection

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.faults import Fault, Faults, parse_script


def names(inspector):
    return [stored.event.name for stored in inspector.events.kept()]


def set_script(client, text, destination="segment"):
    assert client.post("/faults", {"destination": destination, "script": text})[0] == 200


def test_a_script_is_parsed_into_steps():
    """In the documented syntax."""
    assert parse_script("500, 429:2,hang:1.5,hang,reset,refuse,200") == [
        Fault("response", 500),
        Fault("response", 429, 2),
        Fault("hang", seconds=1.5),
        Fault("hang"),
        Fault("reset"),
        Fault("refuse"),
        Fault("response", 200),
    ]
    assert parse_script(" ") == []


@pytest.mark.parametrize(
    "text",
    ["5000", "99", "600", "429:", "hang:", "hang:x", "sleep", "500,,200", "500;200", 500, None],
)
def test_a_step_that_is_not_valid_is_an_error(text):
    """The error names the valid ones."""
    with pytest.raises(ImproperlyConfigured, match="script must be"):
        parse_script(text)


def test_an_unknown_destination_is_an_error():
    """A misspelt one would otherwise be a fault that never happens."""
    with pytest.raises(ImproperlyConfigured, match=r"destination must be .*got 'google'"):
        Faults().set_script("google", "500")


@pytest.mark.parametrize(
    "content",
    [b"{", [], {}, {"destination": "segment"}, {"destination": "segment", "script": "x"}],
)
def test_an_invalid_script_is_refused_and_changes_nothing(client, content):
    """With 400 and the reason."""
    status, response = client.post("/faults", content)

    assert (status, list(response)) == (400, ["error"])
    assert client.track("a") == 200


def test_each_request_uses_up_one_step(inspector, client):
    """Events that are refused are not recorded, since the vendor would not have them."""
    set_script(client, "500,429:2,201,503")
    statuses = [client.track(name) for name in "abcdef"]

    assert statuses == [500, 429, 201, 503, 200, 200]
    assert names(inspector) == ["c", "e", "f"]


def test_a_response_can_have_a_retry_after_header(client):
    """All three vendors use it."""
    set_script(client, "429:7")
    status, headers, _ = client.request("POST", "/v1/batch", b"{}")

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
    set_script(client, "503", destination)
    others = [
        client.request("POST", other, b"")[0]
        for other in ("/v1/batch", "/api/v2/logs", "/mp/collect")
        if other.split("/")[1] != path.replace("/debug", "").split("/")[1]
    ]

    assert 503 not in others
    assert client.request("POST", path, b"{}")[0] == 503
    assert client.request("POST", path, b"{}")[0] != 503


def test_a_new_script_replaces_the_old_one(client):
    """An empty one removes it."""
    set_script(client, "500,500")
    set_script(client, "503,503")
    assert client.track("a") == 503
    set_script(client, "")

    assert client.track("a") == 200


def test_a_reset_happens_after_the_events_are_recorded(inspector, client):
    """The client cannot know that they were, and has to send them again."""
    set_script(client, "reset")
    with pytest.raises((ConnectionError, OSError)):
        client.track("a")

    assert client.track("b") == 200
    assert names(inspector) == ["a", "b"]


def test_a_refusal_happens_before_the_events_are_recorded(inspector, client):
    """The connection breaks without a response."""
    set_script(client, "refuse")
    with pytest.raises((ConnectionError, OSError)):
        client.track("a")

    assert names(inspector) == []


class NoWait(threading.Event):
    """Returns from each wait at once, and keeps its time-out."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


def test_a_hang_with_a_length_ends_with_the_normal_response(inspector, client, monkeypatch):
    """It imitates a slow vendor."""
    closing = NoWait()
    monkeypatch.setattr(inspector.http_server, "closing", closing)
    set_script(client, "hang:1.5")

    assert client.track("a") == 200
    assert closing.seconds == [1.5]
    assert names(inspector) == ["a"]


def test_a_hang_without_a_length_lasts_until_the_client_gives_up(inspector, client):
    """There is no response, and no event is recorded."""
    set_script(client, "hang")
    with socket.create_connection(inspector.http_server.server_address, timeout=0.3) as connection:
        connection.sendall(
            b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        )
        with pytest.raises(TimeoutError):
            connection.recv(1)

    assert client.track("b") == 200
    assert names(inspector) == ["b"]


class ObservedWait(threading.Event):
    """Tells when a thread begins to wait."""

    def __init__(self):
        super().__init__()
        self.is_waited_for = threading.Event()

    def wait(self, timeout=None):
        self.is_waited_for.set()
        return super().wait(timeout)


@pytest.mark.parametrize("step", ["hang", "hang:9999"])
def test_a_hang_does_not_delay_closing(inspector, client, monkeypatch, step):
    """The connection is closed without a response."""
    closing = ObservedWait()
    monkeypatch.setattr(inspector.http_server, "closing", closing)
    set_script(client, step)
    connection = HTTPConnection(client.netloc, timeout=120)
    connection.request("POST", "/v1/batch", b"{}")
    assert closing.is_waited_for.wait(120)
    inspector.close()

    with pytest.raises((ConnectionError, OSError)):
        connection.getresponse()
    connection.close()


def test_a_reset_of_the_inspector_removes_all_scripts(client):
    """Tests in any language set and remove them with JSON."""
    response = client.post("/faults", {"destination": "datadog", "script": "500"})

    assert response == (200, {"destination": "datadog", "script": "500"})
    assert json.loads(client.request("POST", "/reset")[2]) == {"counts": {"good": 0, "bad": 0}}
    assert client.request("POST", "/api/v2/logs", b"[]")[0] == 403
