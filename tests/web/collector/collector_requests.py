"""Requests as browsers send them, and a collector with its own tracker."""

import json

from eventtracking.backends.memory import MemoryBackend
from eventtracking.processors.request_context import RequestContext
from eventtracking.tracker import Tracker
from eventtracking.web.collector import Collector

NOW = "2026-01-02T03:04:05+00:00"

HEADERS = {
    "host": "shop.example",
    "origin": "https://shop.example",
    "content-type": "application/json",
}

FORM = {**HEADERS, "content-type": "application/x-www-form-urlencoded"}

FACTS = {
    "session": "server-session",
    "user_id": 7,
    "username": "ana",
    "ip": "203.0.113.9",
    "host": "lms-1",
    "agent": "UA",
    "client_id": "11.22",
}


class Site:
    """A collector, the events that it emitted, and methods to send requests."""

    def __init__(self, processors=None, **options):
        self.memory = MemoryBackend(max_events=100_000)
        processors = [RequestContext()] if processors is None else processors
        self.tracker = Tracker({"memory": self.memory}, processors=processors)
        self.collector = Collector(**{"tracker": self.tracker, "rate": None, **options})

    @property
    def events(self):
        return [*self.memory.events]

    def post(self, body, headers=HEADERS, facts=FACTS):
        return self.collector("POST", headers, body, facts)

    def send(self, *events, headers=HEADERS, facts=FACTS):
        return self.post(encoded(*events), headers, facts)

    def results(self, *events, **request):
        """Return the result of each event: its status, or the reason for the refusal."""
        response = self.send(*events, **request)
        assert response.status == 200, response
        results = json.loads(response.body)["results"]
        return [result.get("reason", result["status"]) for result in results]

    def refused(self):
        return self.collector.stats()["requests"]["refused"]


def encoded(*events, sent_at=NOW):
    return json.dumps({"sent_at": sent_at, "events": events}, separators=(",", ":")).encode()


def an_event(name="video.played", **members):
    return {"id": members.pop("id", None) or f"id-{next(_numbers)}", "name": name, **members}


_numbers = iter(range(1_000_000_000))
