"""`eventtracking inspect`: print the addresses, and serve until Ctrl-C."""

from __future__ import annotations

import json
import secrets
import signal
import threading
from typing import Any
from urllib.parse import urlencode

from eventtracking.inspector.server import Inspector

_TOKEN_BYTES = 16

# No wait in this package is without a time-out. A signal ends this one at once.
_WAIT_SECONDS = 3600.0

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
{token_line}Press Ctrl-C to stop.
"""


def serve(
    *, host: str, http_port: int, statsd_port: int, token: str | None, as_json: bool = False
) -> int:
    """
    Serve until Ctrl-C or SIGTERM; return the exit code.

    Args:
        host: A loopback address.
        http_port: The port for HTTP; 0 for any free one.
        statsd_port: The port for DogStatsD; 0 for any free one.
        token: The token that the page and its JSON API require; `None` for no token.
        as_json: Print the addresses as one line of JSON, and nothing else.

    Raises:
        ImproperlyConfigured: If *host* is not a loopback address, or a port is not available.
    """
    inspector = Inspector(host=host, http_port=http_port, statsd_port=statsd_port, token=token)
    try:
        # Process supervisors stop a program with SIGTERM.
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
        print("{good} good event(s), {bad} bad.".format(**inspector.events.counts()))
    return 0


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _wait() -> None:
    never = threading.Event()
    while not never.wait(_WAIT_SECONDS):
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
