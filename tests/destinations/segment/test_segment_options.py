"""What a `SegmentBackend` is built with, and what it refuses."""

import uuid

import pytest
from segment_cases import event

from eventtracking.backends.segment import SegmentBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import build, describe


class Client:
    """Can do what Segment's client can."""

    def track(self, *_, **__):
        """Take it."""

    identify = page = track


@pytest.mark.parametrize(
    ("key", "trouble"),
    [
        ("", "an empty text"),
        ("  ", "an empty text"),
        ("*****", "a placeholder"),
        (b"key", "a value of type bytes"),
        (0, "a value of type int"),
        ({"ENV": "SEGMENT_KEY"}, "a value of type dict"),
        ("two words", "a text with spaces"),
        ("line\n", "a text with spaces"),
        ("schl\u00fcssel", "a text with spaces"),
    ],
)
def test_a_wrong_key_is_told_of_without_telling_it(key, trouble):
    """It may be a real one with a newline at its end."""
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend(key)

    assert str(raised.value).startswith(
        "SegmentBackend: write_key must be the key of a source in Segment, got " + trouble
    )
    assert not str(key).strip(" *") or str(key) not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"host": "api.segment.io"}, "SegmentBackend: host must be a URL"),
        ({"host": None}, "SegmentBackend: host must be a URL"),
        ({"host": ""}, "SegmentBackend: host must be a URL"),
        ({"compress": "yes"}, "SegmentBackend: compress must be True or False, got 'yes'"),
        ({"integrations": ["All"]}, "SegmentBackend: integrations must be a mapping such as"),
        (
            {"batch_events": 2501},
            "batch_events must be a whole number from 1 to 2500, or None, got 2501",
        ),
        ({"batch_bytes": 512_001}, "SegmentBackend: batch_bytes must be a whole number from 1 to"),
        ({"timeout": 0}, "SegmentBackend: timeout must be a number of seconds"),
        ({"outbx": "x"}, "SegmentBackend has no option 'outbx'. Did you mean 'outbox'?"),
        ({"client": Client()}, "SegmentBackend: give either write_key or client, got both"),
    ],
)
def test_a_wrong_option_names_its_cure(options, complaint):
    """When the backend is built, and by the name that stands in the settings."""
    with pytest.raises(ImproperlyConfigured) as raised:
        SegmentBackend(uuid.uuid4().hex, **options)

    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({"outbox": "folder"}, "outbox"),
        ({"host": "https://events.eu1.segmentapis.com"}, "host"),
        ({"compress": True}, "compress"),
        ({"integrations": {"All": False}, "timeout": 3}, "integrations, timeout"),
    ],
)
@pytest.mark.parametrize("client", [None, Client()])
def test_an_option_that_would_have_no_effect_is_an_error(options, idle, client):
    """A folder that stays empty is no promise kept."""
    with pytest.raises(ImproperlyConfigured, match=f"SegmentBackend: {idle} must be given tog"):
        SegmentBackend(client=client, **options)


@pytest.mark.parametrize("client", ["segment.analytics", 7, object()])
def test_a_client_can_track_and_identify(client):
    """Anything else is told of at once, not at each event."""
    with pytest.raises(ImproperlyConfigured, match=r"client must have track\(\) and identify\(\)"):
        SegmentBackend(client=client)


def test_it_can_be_built_from_settings_that_do_not_show_the_key(monkeypatch):
    """The key comes from the environment."""
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


def test_its_repr_says_where_events_go():
    """And nothing secret."""
    assert repr(SegmentBackend(client=Client())) == "<SegmentBackend by a client>"


def test_it_says_that_it_only_reads_and_leaves_the_machine():
    """So it is spared copies, and `check` asks for guards before it."""
    for backend in (SegmentBackend(uuid.uuid4().hex), SegmentBackend(client=Client())):
        assert (backend.read_only, backend.sends_over_network) == (True, True)
        assert backend.close()


def test_it_may_be_closed_twice():
    """What comes afterwards is counted."""
    backend = SegmentBackend(uuid.uuid4().hex)

    assert backend.close()
    assert backend.close()
    backend.send(event())
    assert backend.stats()["lost"] == {"closed": 1}
