"""
Build a tracker from settings: a mapping, a TOML or JSON file, the environment, or several of them.

    EVENT_TRACKING_ENABLED = true
    EVENT_TRACKING_TIME_ZONE = "UTC"
    [[EVENT_TRACKING_PROCESSORS]]
    ENGINE = "eventtracking.processors.request_context.RequestContext"
    [EVENT_TRACKING_BACKENDS.log]
    ENGINE = "eventtracking.backends.log_file.LogFileBackend"
    OPTIONS = { path = "tracking.log" }
"""

from eventtracking.settings.building import build, configure, is_disabled
from eventtracking.settings.describing import describe
from eventtracking.settings.loading import Source, load
from eventtracking.settings.names import (
    BACKENDS,
    CONFIG,
    ENABLED,
    GUARDS,
    PROCESSORS,
    RECOMMENDED_PROCESSORS,
    TIME_ZONE,
)

__all__ = [
    "BACKENDS",
    "CONFIG",
    "ENABLED",
    "GUARDS",
    "PROCESSORS",
    "RECOMMENDED_PROCESSORS",
    "TIME_ZONE",
    "Source",
    "build",
    "configure",
    "describe",
    "is_disabled",
    "load",
]
