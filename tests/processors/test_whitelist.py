"""`NameWhitelistProcessor`: additions to the one of event-tracking."""

import pytest

from eventtracking.processors.whitelist import NameWhitelistProcessor
from eventtracking.tracker import Tracker


def test_the_error_shows_the_value_and_a_valid_example():
    """The operator need not open the documentation."""
    with pytest.raises(TypeError) as raised:
        NameWhitelistProcessor("edx.video")

    assert "got 'edx.video'" in str(raised.value)
    assert "Use a list such as [" in str(raised.value)


def test_an_event_that_is_not_on_the_list_is_counted_as_filtered():
    """It is not lost, because it was dropped on purpose."""
    tracker = Tracker(processors=[NameWhitelistProcessor(["a"])])
    tracker.emit("a")
    tracker.emit("b")

    assert (tracker.stats()["emitted"], tracker.stats()["filtered"]) == (2, 1)


def test_the_repr_shows_the_number_of_names():
    """Log messages and the shell show it."""
    assert repr(NameWhitelistProcessor(["a", "b"])) == "<NameWhitelistProcessor 2 names>"
