"""The tracker settings of the sites in this folder: every request fact, and one log file."""

import os

from eventtracking.request import FACTS

PROCESSORS = [
    {
        "ENGINE": "eventtracking.processors.request_context.RequestContext",
        "OPTIONS": {"fields": list(FACTS)},
    }
]


def backends():
    log = {"path": os.environ["SERVED_LOG"]}
    return {"log": {"ENGINE": "eventtracking.backends.log_file.LogFileBackend", "OPTIONS": log}}


def shared(name):
    """Return the path of a file next to the log, which the processes of a site share."""
    return f"{os.environ['SERVED_LOG']}.{name}"
