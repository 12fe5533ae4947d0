"""From a view of a page in a browser to what Google Analytics is told of it."""

from contextlib import contextmanager
from uuid import uuid4

from eventtracking.backends.google_analytics import GoogleAnalyticsBackend
from eventtracking.demo.server import Server
from eventtracking.processors.request_context import RequestContext
from eventtracking.testing import FakeDestinations
from eventtracking.tracker import Tracker
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

READY = "!!window.eventtracking"

# For a machine that is busy with other tests.
TIMEOUT = 120.0

PAGE = b"""<!doctype html>
<title>A shop</title>
<link rel="icon" href="data:,">
<script src="/event/eventtracking.js" data-endpoint="/event" data-page-views="on"
  data-anonymous-id="on" data-batch-seconds="0.1"></script>
<a href="/cart">Cart</a>
"""


def shop(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [PAGE]


@contextmanager
def selling(fakes):
    """Give the address of a site whose events go to *fakes*; nobody is logged in."""
    backend = GoogleAnalyticsBackend("G-TEST", uuid4().hex, endpoint=fakes.google_endpoint)
    tracker = Tracker({"google_analytics": backend}, processors=[RequestContext()])
    collecting = CollectorMiddleware(shop, tracker=tracker)
    with Server(0) as server:
        server.set_app(TrackMiddleware(collecting))
        server.start()
        yield server.url
    tracker.close()


def test_a_view_tells_google_of_the_page_and_of_where_its_visitor_came_from(browser):
    """A direct visit has no referrer, for the request is the page's own; its visitor has an id."""
    with FakeDestinations() as fakes, selling(fakes) as url, browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.flush()")
        fakes.wait_for_events(1, "google_analytics", timeout=TIMEOUT)
        page.evaluate("document.querySelector('a').click()")
        page.wait_for(f"{READY} && location.pathname === '/cart'")
        page.evaluate("eventtracking.flush()")
        received = fakes.wait_for_events(2, "google_analytics", timeout=TIMEOUT)

    assert len({each["payload"]["client_id"] for each in received}) == 1
    # Network addresses stay here.
    url = url.replace("127.0.0.1", "[redacted]")
    about = {
        "engagement_time_msec": 1,
        "event_name_full": "page_view",
        "pseudonymous_client": "true",
        "page_title": "A shop",
    }
    assert [each["reasons"] for each in received] == [[], []]
    assert [each["payload"]["params"] for each in received] == [
        {**about, "page_location": url},
        {**about, "page_location": f"{url}cart", "page_referrer": url},
    ]
