"""The options of `SegmentBackend`, and the errors of wrong ones."""

import uuid

import pytest
from segment_cases import event, statistics

from eventtracking.backends.segment import SegmentBackend
from eventtracking.delivery import NetworkBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import build, describe


class Client:
    """A client with the methods of Segment's."""

    def track(self, *_, **__):
        """Accept a call."""

    identify = page = track


@pytest.mark.parametrize(
    ("key", "kind", "cause"),
    [
        ("", "str", "it is empty"),
        ("  ", "str", "it is empty"),
        ("*****", "str", "it is a placeholder"),
        (b"key", "bytes", "it is not text"),
        (0, "int", "it is not text"),
        ({"ENV": "SEGMENT_KEY"}, "dict", "it is not text"),
        ("two words", "str", "it has spaces or other characters that no key has"),
        ("line\n", "str", "it has spaces or other characters that no key has"),
        ("schl\u00fcssel", "str", "it has spaces or other characters that no key has"),
    ],
)
def test_the_error_of_a_wrong_key_does_not_show_the_key(key, kind, cause):
    """It may be a real key with a newline at its end."""
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend(key)

    assert str(raised.value) == (
        "SegmentBackend: write_key must be the key of a source in Segment, "
        f"got a value of type {kind}: {cause}"
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"host": "api.segment.io"}, "SegmentBackend: host must be a URL"),
        ({"host": None}, "SegmentBackend: host must be a URL"),
        ({"host": ""}, "SegmentBackend: host must be a URL"),
        ({"compress": "yes"}, "SegmentBackend: compress must be true or false, got 'yes'"),
        ({"integrations": ["All"]}, "SegmentBackend: integrations must be a mapping such as"),
        (
            {"batch_events": 2501},
            "batch_events must be a whole number from 1 to 2500, or None, got 2501",
        ),
        ({"batch_bytes": 512_001}, "SegmentBackend: batch_bytes must be a whole number from 1 to"),
        ({"timeout": 0}, "SegmentBackend: timeout must be a number of seconds"),
        ({"outbx": "x"}, "SegmentBackend has no option 'outbx'. Did you mean 'outbox'?"),
        (
            {"client": 7},
            "client must be left out if there is a write_key, got 7",
        ),
    ],
)
def test_a_wrong_option_is_an_error_that_says_what_is_right(options, complaint):
    """When the backend is built, and with the name of the option in the settings."""
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend(uuid.uuid4().hex, **options)

    assert complaint in str(raised.value)


def test_every_wrong_option_is_reported_in_the_same_error():
    """Its own and those of delivery, in the order of the signature."""
    options = {"timeout": 0, "integrations": 7, "host": "nowhere", "outbx": 1, "client": Client()}
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend("", **options)

    assert [line.split(" must ")[0] for line in str(raised.value).splitlines()] == [
        "SegmentBackend: write_key",
        "SegmentBackend: host",
        "SegmentBackend: client",
        "SegmentBackend: integrations",
        "SegmentBackend: timeout",
        "SegmentBackend has no option 'outbx'. Did you mean 'outbox'?",
    ]


@pytest.mark.parametrize(
    ("options", "unused"),
    [
        ({"outbox": "folder"}, ["outbox"]),
        ({"host": "https://events.eu1.segmentapis.com"}, ["host"]),
        ({"compress": True}, ["compress"]),
        ({"timeout": 3, "integrations": {"All": False}}, ["integrations", "timeout"]),
    ],
)
@pytest.mark.parametrize("client", [None, Client()])
def test_an_option_that_would_have_no_effect_is_an_error(options, unused, client):
    """An operator who names an outbox relies on it."""
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend(client=client, **options)
    lines = str(raised.value).splitlines()

    assert len(lines) == len(unused)
    for option, line in zip(unused, lines, strict=True):
        assert line.startswith(
            f"SegmentBackend: {option} must be left out if there is no write_key, got "
        )
        assert line.endswith(": the client decides how events are sent")


def test_an_unknown_option_without_a_key_is_reported_as_unknown():
    """With the option that was meant."""
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend(compress=3, hots=4)

    first, second = str(raised.value).splitlines()
    assert first.startswith("SegmentBackend: compress must be left out")
    assert second == "SegmentBackend has no option 'hots'. Did you mean 'host'?"


def test_a_host_without_a_key_is_not_shown():
    """Its query may hold the secret of a proxy."""
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend(host="https://proxy.example/?key=secret")

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("client", ["segment.analytics", 7, object()])
def test_a_client_has_track_and_identify(client):
    """Another object is an error when the backend is built, not for each event."""
    with pytest.raises(ImproperlyConfigured, match=r"an object with track\(\) and identify\(\)"):
        SegmentBackend(client=client)


def test_settings_with_the_key_in_the_environment_do_not_show_it(monkeypatch):
    """Neither does the representation of the backend."""
    key = uuid.uuid4().hex
    monkeypatch.setenv("SEGMENT_KEY", key)
    settings = {
        "EVENT_TRACKING_BACKENDS": {
            "segment": {
                "ENGINE": "eventtracking.backends.segment.SegmentBackend",
                "OPTIONS": {"write_key": {"ENV": "SEGMENT_KEY"}, "host": "http://127.0.0.1:9"},
            }
        }
    }
    tracker = build(settings)

    assert key not in describe(settings)
    assert repr(tracker.get_backend("segment")) == (
        "<SegmentBackend host='http://127.0.0.1:9' outbox=None>"
    )
    assert tracker.close(5)


def test_the_representation_says_that_a_client_is_used():
    """The representation of the client could show its key."""
    assert repr(SegmentBackend(client=Client())) == "<SegmentBackend with a client>"


@pytest.mark.parametrize("options", [{"write_key": "a-key"}, {"client": Client()}])
def test_it_is_a_network_backend_with_or_without_a_key(options):
    """All of its methods work, though nothing waits for a client."""
    backend = SegmentBackend(**options)

    assert isinstance(backend, NetworkBackend)
    assert backend.outbox is None
    assert backend.flush(0)
    assert backend.close(0)


def test_a_message_for_a_client_is_rejected():
    """A client takes calls. Such a message is lost, and counted."""
    backend = SegmentBackend(client=Client())
    backend.put("a.b", b"{}")

    assert backend.flush(30)
    assert backend.close(30)
    assert backend.stats() == statistics(rejected=1)


def test_it_declares_that_it_only_reads_events_and_uses_the_network():
    """So the router makes no copy for it, and `check` demands guards before it."""
    for backend in (SegmentBackend(uuid.uuid4().hex), SegmentBackend(client=Client())):
        assert (backend.read_only, backend.sends_over_network) == (True, True)
        assert backend.close()


def test_it_may_be_closed_twice():
    """Later events are counted as lost."""
    backend = SegmentBackend(uuid.uuid4().hex)

    assert backend.close()
    assert backend.close()
    backend.send(event())
    assert backend.stats()["lost"] == {"closed": 1}
