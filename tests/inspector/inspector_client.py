"""A client of a running inspector, and requests for tests that call its endpoints directly."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

from eventtracking.inspector.endpoint import Request

NOW = 1_800_000_000.0
"""A moment in January 2027: the time of the checks in tests without a network."""

JSON = {"content-type": "application/json"}


def make_request(path, content, *, query=None, headers=None, **more):
    """Return a request as the server hands it to an endpoint."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Request(path, query or {}, {**JSON, **(headers or {})}, body, **more)


class Client:
    """Sends each request to an inspector on a new connection."""

    def __init__(self, url, token=None):
        self.netloc = urlsplit(url).netloc
        self._token = token

    def request(self, method, path, body=None, **headers):
        """Return the status, the headers and the body of the response."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token is not None:
            named.setdefault("Authorization", f"Bearer {self._token}")
        connection = HTTPConnection(self.netloc, timeout=120)
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        """Return the status and the parsed JSON of the response."""
        status, _, body = self.request("GET", path, **headers)
        return status, json.loads(body)

    def post(self, path, content, **headers):
        """Send JSON; return the status and the parsed JSON of the response."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Content_Type": "application/json", **headers}
        status, _, response = self.request("POST", path, body, **headers)
        return status, json.loads(response) if response else None

    def track(self, *names):
        """Send events to Segment; return the status."""
        batch = [{"type": "track", "event": name, "userId": "7"} for name in names]
        key = {"Authorization": "Basic a2V5Og=="}
        return self.post("/v1/batch", {"batch": batch}, **key)[0]
