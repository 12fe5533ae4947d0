"""From a page view in a browser to a request to Google Analytics."""

from contextlib import contextmanager
from uuid import uuid4

from eventtracking.backends.google_analytics import GoogleAnalyticsBackend
from eventtracking.demo.server import Server
from eventtracking.processors.request_context import RequestContext
from eventtracking.testing import FakeDestinations
from eventtracking.tracker import Tracker
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

READY = "!!window.eventtracking"

# Long enough for a machine that is busy with other tests.
TIMEOUT = 120.0

PAGE = b"""<!doctype html>
<title>A shop</title>
<link rel="icon" href="data:,">
<script src="/event/eventtracking.js" data-endpoint="/event" data-page-views="on"
  data-anonymous-id="on" data-batch-seconds="0.1"></script>
<a href="/cart">Cart</a>
"""


def serve_page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [PAGE]


@contextmanager
def shop(fakes):
    """Yield the URL of a site whose events go to *fakes*. The visitor is not logged in."""
    backend = GoogleAnalyticsBackend("G-TEST", uuid4().hex, endpoint=fakes.google_endpoint)
    tracker = Tracker({"google_analytics": backend}, processors=[RequestContext()])
    collector = CollectorMiddleware(serve_page, tracker=tracker)
    with Server(0) as server:
        server.set_app(TrackMiddleware(collector))
        server.start()
        yield server.url
    tracker.close()


def test_google_analytics_receives_the_page_and_its_referrer(browser):
    """A direct visit has no referrer, and both views have the same client id."""
    with FakeDestinations() as fakes, shop(fakes) as url, browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.flush()")
        fakes.wait_for_events(1, "google_analytics", timeout=TIMEOUT)
        page.evaluate("document.querySelector('a').click()")
        page.wait_for(f"{READY} && location.pathname === '/cart'")
        page.evaluate("eventtracking.flush()")
        received = fakes.wait_for_events(2, "google_analytics", timeout=TIMEOUT)

    assert len({each["payload"]["client_id"] for each in received}) == 1
    # IP addresses are redacted.
    url = url.replace("127.0.0.1", "[redacted]")
    common = {
        "engagement_time_msec": 1,
        "event_name_full": "page_view",
        "pseudonymous_client": "true",
        "page_title": "A shop",
    }
    assert [each["reasons"] for each in received] == [[], []]
    assert [each["payload"]["params"] for each in received] == [
        {**common, "page_location": url},
        {**common, "page_location": f"{url}cart", "page_referrer": url},
    ]
