"""`NameWhitelistProcessor`: what it adds to event-tracking's."""

import pytest

from eventtracking.processors.whitelist import NameWhitelistProcessor
from eventtracking.tracker import Tracker


def test_the_error_shows_what_was_given_and_what_should_be():
    """Without a look into the documentation."""
    with pytest.raises(TypeError) as raised:
        NameWhitelistProcessor("edx.video")

    assert "got 'edx.video'" in str(raised.value)
    assert "Give a list such as [" in str(raised.value)


def test_what_is_not_on_the_list_is_counted_as_filtered():
    """It was meant to be dropped."""
    tracker = Tracker(processors=[NameWhitelistProcessor(["a"])])
    tracker.emit("a")
    tracker.emit("b")

    assert (tracker.stats()["emitted"], tracker.stats()["filtered"]) == (2, 1)


def test_it_shows_what_it_does():
    """In the log line of a failure, and in the shell."""
    assert repr(NameWhitelistProcessor(["a", "b"])) == "<NameWhitelistProcessor 2 names>"
