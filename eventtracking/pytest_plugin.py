"""The fixture `captured_events` for pytest, found by its entry point."""

# Nothing of the package at the top: what is imported here is imported before coverage
# starts to measure.
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventtracking.testing import CapturedEvents


@pytest.fixture
def captured_events() -> Iterator[CapturedEvents]:
    """Collect the events of the test instead of sending them; see `eventtracking.testing`."""
    from eventtracking.testing import capture_events

    with capture_events() as captured:
        yield captured
