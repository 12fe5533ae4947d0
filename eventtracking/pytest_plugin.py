"""The fixtures `captured_events` and `fake_destinations` for pytest, found by an entry point."""

# Nothing of the package at the top: what is imported here is imported before coverage
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
    """Stand in for Segment, Datadog and Google Analytics; see `eventtracking.testing`."""
    from eventtracking.testing import FakeDestinations

    with FakeDestinations() as destinations:
        yield destinations
