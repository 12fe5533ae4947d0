"""The paths of Datadog's HTTP APIs."""

from __future__ import annotations

from eventtracking.inspector.datadog import events, logs, metrics
from eventtracking.inspector.datadog.http_api import LOGS_PATH
from eventtracking.inspector.endpoint import DATADOG, Endpoint

ENDPOINTS = {
    LOGS_PATH: Endpoint(DATADOG, logs.receive, logs.MAX_BODY_BYTES),
    "/api/v1/events": Endpoint(DATADOG, events.receive, events.MAX_BODY_BYTES),
    **{
        f"/api/v{version}/series": Endpoint(
            DATADOG,
            metrics.receive,
            metrics.MAX_SERIES_BYTES[version],
            metrics.MAX_COMPRESSED_SERIES_BYTES[version],
        )
        for version in (1, 2)
    },
    "/api/v1/distribution_points": Endpoint(
        DATADOG,
        metrics.receive,
        metrics.MAX_SERIES_BYTES[1],
        metrics.MAX_COMPRESSED_SERIES_BYTES[1],
    ),
}
"""The endpoint at each path."""
