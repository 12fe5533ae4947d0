"""Events and their context in Segment, for the tests of the batch API and of the client."""

from datetime import UTC, datetime

from eventtracking import __version__

STAMP = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)

LIBRARY = {"name": "eventtracking", "version": __version__}

FACTS = {
    "user_id": 7,
    "ip": "203.0.113.9",
    "agent": "UA/1",
    "host": "lms.example",
    "path": "/courses/x",
    "referer": "https://r/",
    "client_id": "11.22",
}

SEGMENT_CONTEXT = {
    "Google Analytics": {"clientId": "11.22"},
    "ip": "203.0.113.9",
    "userAgent": "UA/1",
    "page": {
        "path": "/courses/x",
        "referrer": "https://r/",
        "url": "https://lms.example/courses/x",
    },
}

# The facts of the request with which a browser sends an event to the collector.
BROWSER_FACTS = {
    "event_source": "browser",
    "host": "lms.example",
    "path": "/event",
    "page": "https://lms.example/courses/x?tab=2#top",
    "referer": "https://lms.example/courses/x?tab=2",
}

# The facts of a request, and the context that Segment gets.
CONTEXTS = [
    ({}, {}),
    (FACTS, SEGMENT_CONTEXT),
    (
        {"host": "h", "path": "/p", "ip": "203.0.113.9", "client_id": "11.22"},
        {
            "Google Analytics": {"clientId": "11.22"},
            "ip": "203.0.113.9",
            "page": {"path": "/p", "url": "https://h/p"},
        },
    ),
    ({"page": "https://h/p"}, {"page": {"url": "https://h/p"}}),
    (
        {"page": "https://h/p", "path": "/e", "host": "h"},
        {"page": {"path": "/e", "url": "https://h/p"}},
    ),
    ({"path": "/e"}, {"page": {"path": "/e"}}),
    ({"page": "", "path": "/e", "host": "h"}, {"page": {"path": "/e", "url": "https://h/e"}}),
    ({"page": "", "path": "/e", "host": ""}, {"page": {"path": "/e", "url": ""}}),
    ({"referer": "https://r/"}, {"page": {"referrer": "https://r/"}}),
    ({"agent": "", "ip": ""}, {"userAgent": "", "ip": ""}),
    ({"agent": None, "ip": None, "client_id": None, "page": None}, {}),
    ({**FACTS, "event_source": "server"}, SEGMENT_CONTEXT),
    (
        {**BROWSER_FACTS, "ip": "i"},
        {"ip": "i", "page": {"path": "/courses/x", "url": BROWSER_FACTS["page"]}},
    ),
    ({**BROWSER_FACTS, "page": "https://h"}, {"page": {"path": "/", "url": "https://h"}}),
    ({**BROWSER_FACTS, "page": ""}, {}),
    ({**BROWSER_FACTS, "page": None}, {}),
    ({**BROWSER_FACTS, "page": "x_module"}, {"page": {"url": "x_module"}}),
    ({**BROWSER_FACTS, "page": "https://["}, {"page": {"url": "https://["}}),
    ({**BROWSER_FACTS, "page": 5}, {"page": {"url": 5}}),
]

# The name and the data of an event from a browser, and the page that Segment gets.
REFERRERS = [
    ("page_view", {"title": "t", "referrer": "https://r/"}, {"referrer": "https://r/"}),
    ("page_view", {"title": "t", "referrer": ""}, {"referrer": ""}),
    ("page_view", {"title": "t"}, {}),
    ("page_view", {"referrer": 5}, {}),
    ("page_view", "text", {}),
    # In other events, an application may use the field for anything.
    ("friend.invited", {"referrer": "ana"}, {}),
]

WITHOUT_IDENTITY = [
    {},
    {"user_id": None},
    {"user_id": "", "anonymous_id": None, "client_id": ""},
    {"username": "ana"},
]


def event(name="a.b", context=None, **data):
    context = {"user_id": 7} if context is None else context
    return {"name": name, "timestamp": STAMP, "data": data, "context": context}


def statistics(**lost):
    """Return the statistics of a backend that accepted one event."""
    return {"accepted": 1, "sent": 0 if lost else 1, "pending": 0, "lost": lost}
