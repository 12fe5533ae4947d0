"""An event as a browser sent it, looked through and found good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple


class Sent(NamedTuple):
    """What a browser says that happened."""

    name: str
    data: Any
    time: datetime
    """When, by our clock."""
    context: Mapping[str, Any]
    """What of the context comes from the browser, under the names that the event will have."""
