"""`eventtracking inspect`: serve until Ctrl-C, and say at the start how to be reached."""

from __future__ import annotations

import json
import secrets
import signal
import threading
from typing import Any
from urllib.parse import urlencode

from eventtracking.inspector.server import Inspector

_TOKEN_BYTES = 16

# How often the main thread looks up from its wait, which a signal ends at once.
_LOOK_SECONDS = 3600.0

_WELCOME = """\
Open {page}

To send events here instead of to the vendors:

  [EVENT_TRACKING_BACKENDS.segment.OPTIONS]
  host = "{http}"

  [EVENT_TRACKING_BACKENDS.datadog.OPTIONS]
  statsd_host = "{statsd_host}"
  statsd_port = {statsd_port}

  [EVENT_TRACKING_BACKENDS.datadog_logs.OPTIONS]
  endpoint = "{http}"

  [EVENT_TRACKING_BACKENDS.google_analytics.OPTIONS]
  endpoint = "{http}"

For tests: GET {http}/all, /good, /bad; POST /reset, /faults
{token_line}Ctrl-C ends this.
"""


def serve(
    *, host: str, http_port: int, statsd_port: int, token: str | None, as_json: bool = False
) -> int:
    """
    Serve until Ctrl-C or SIGTERM; return the exit code.

    Args:
        host: Where to listen: on this machine alone.
        http_port: For HTTP; 0 for any free port.
        statsd_port: For DogStatsD; 0 for any free port.
        token: What must be known to look; `None` for nothing.
        as_json: Say where it listens in one line of JSON.

    Raises:
        ImproperlyConfigured: If a port cannot be had, or others could reach *host*.
    """
    inspector = Inspector(host=host, http_port=http_port, statsd_port=statsd_port, token=token)
    try:
        # A supervisor's way to say Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        addresses = _addresses(inspector, token)
        print(json.dumps(addresses) if as_json else _welcome(addresses), flush=True)
        _wait()
    except KeyboardInterrupt:
        if not as_json:
            print()
    finally:
        inspector.close()
    if not as_json:
        print("{good} good event(s), {bad} bad.".format(**inspector.records.counts()))
    return 0


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _wait() -> None:
    never = threading.Event()
    while not never.wait(_LOOK_SECONDS):
        pass


def _addresses(inspector: Inspector, token: str | None) -> dict[str, Any]:
    query = f"?{urlencode({'token': token})}" if token else ""
    host, port = inspector.statsd_address
    return {
        "page": f"{inspector.url}/{query}",
        "http": inspector.url,
        "statsd_host": host,
        "statsd_port": port,
        "token": token,
    }


def _welcome(addresses: dict[str, Any]) -> str:
    token = addresses["token"]
    line = f"     with the header Authorization: Bearer {token}\n" if token else ""
    return _WELCOME.format(**addresses, token_line=line)
