"""The pytest fixtures `captured_events` and `fake_destinations`, found by an entry point."""

# The package is imported in the fixtures: an import at the top would run before coverage
# starts to measure.
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventtracking.testing import CapturedEvents, FakeDestinations


@pytest.fixture
def captured_events() -> Iterator[CapturedEvents]:
    """Collect the events of the test instead of sending them; see `eventtracking.testing`."""
    from eventtracking.testing import capture_events

    with capture_events() as captured:
        yield captured


@pytest.fixture
def fake_destinations() -> Iterator[FakeDestinations]:
    """Simulate Segment, Datadog and Google Analytics; see `eventtracking.testing`."""
    from eventtracking.testing import FakeDestinations

    with FakeDestinations() as destinations:
        yield destinations
