"""What asks a running inspector, and what takes its checks apart."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

from eventtracking.inspector.intake import Request

NOW = 1_800_000_000.0
"""A moment in January 2027: the time of every check that is not made over a network."""

JSON = {"content-type": "application/json"}


def asked(path, content, *, query=None, headers=None, **more):
    """Return a request as a server hands it to an intake."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Request(path, query or {}, {**JSON, **(headers or {})}, body, **more)


class Client:
    """Talks to an inspector over HTTP, each time on a connection of its own."""

    def __init__(self, url, token=None):
        self.netloc = urlsplit(url).netloc
        self._token = token

    def ask(self, method, path, body=None, **headers):
        """Return the status, the headers and the body of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token is not None:
            named.setdefault("Authorization", f"Bearer {self._token}")
        connection = HTTPConnection(self.netloc, timeout=120)
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        """Return the status of the answer, and what its JSON says."""
        status, _, body = self.ask("GET", path, **headers)
        return status, json.loads(body)

    def post(self, path, content, **headers):
        """Send JSON; return the status of the answer, and what its JSON says."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        status, _, said = self.ask("POST", path, body, Content_Type="application/json", **headers)
        return status, json.loads(said) if said else None

    def track(self, *names):
        """Send events to Segment; return the status."""
        batch = [{"type": "track", "event": name, "userId": "7"} for name in names]
        key = {"Authorization": "Basic a2V5Og=="}
        return self.post("/v1/batch", {"batch": batch}, **key)[0]
