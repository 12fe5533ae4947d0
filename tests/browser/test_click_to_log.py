"""From a click on a page to the line in the log and the payload at a vendor."""

import time
from uuid import uuid4

import pytest

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.demo.server import Server
from eventtracking.inspector.server import Inspector
from eventtracking.journal import read
from eventtracking.processors.request_context import RequestContext
from eventtracking.tracker import Tracker
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

READY = "!!window.eventtracking"
KEPT = "Object.keys(localStorage).filter((key) => key.includes(':event:')).length"

# For a machine that is busy with other tests.
TIMEOUT = 120.0

PAGE = b"""<!doctype html>
<title>A shop</title>
<script src="/event/eventtracking.js" data-endpoint="/event" data-batch-events="100"
  data-batch-seconds="0.1" data-page-views="on" data-page-close="on"></script>
<button>Buy</button>
"""

POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"


def shop(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Security-Policy", POLICY)])
    return [PAGE]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "tracking.log"


@pytest.fixture
def inspector():
    running = Inspector(token=uuid4().hex)
    yield running
    running.close()


@pytest.fixture
def url(log, inspector):
    """The address of a site with the collector, whose events go to *log* and *inspector*."""
    backends = {
        "log": LogFileBackend(path=str(log)),
        "segment": SegmentBackend(write_key="made-up", host=inspector.url),
    }
    tracker = Tracker(backends, processors=[RequestContext()])
    collecting = CollectorMiddleware(shop, tracker=tracker)
    with Server(0) as server:
        server.set_app(TrackMiddleware(collecting, user=lambda environ: (7, "ana")))
        with server.in_background():
            yield server.url
    tracker.close()


def logged(log, name):
    return [event for event in read(log) if event["name"] == name]


def calls(inspector, name):
    wholes = [record.whole() for record in inspector.records.kept()]
    return [whole["payload"] for whole in wholes if whole["name"] == name]


def until(claim):
    """Return what *claim* gives as soon as it is true."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if found := claim():
            return found
        time.sleep(0.05)
    raise AssertionError("never true")


def test_a_click_becomes_a_line_in_the_log_and_a_call_to_segment(browser, url, log, inspector):
    """With the user that the server knows, whatever the page says."""
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          eventtracking.context("cart", { items: 2 });
          eventtracking.context("user_id", { user_id: 666 });
          document.querySelector("button").addEventListener("click", () => {
            window.bought = eventtracking.emit("shop.order.placed", { order_id: 1042 });
          });
          document.querySelector("button").click();
        })()""")
        status = page.evaluate("bought.then((result) => result.status)")

    [event] = logged(log, "shop.order.placed")
    [call] = until(lambda: calls(inspector, "shop.order.placed"))
    context = event["context"]
    assert status == "accepted"
    assert event["data"] == call["properties"]["data"] == {"order_id": 1042}
    assert (context["event_source"], context["user_id"], context["username"]) == (
        "browser",
        7,
        "ana",
    )
    assert context["page"] == url
    assert context["page_context"] == {"cart": {"items": 2}, "user_id": {"user_id": 666}}
    assert call["userId"] == "7"


def test_views_and_the_end_of_a_page_are_in_the_log(browser, url, log):
    """The end goes by a beacon, and is confirmed by the next page: one line it is."""
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.flush()")
        page.go(f"{url}next")
        until(lambda: len(logged(log, "page_view")) == 2)
        page.wait_for(f"{KEPT} === 0")
        closed = logged(log, "page_close")

    assert [view["data"]["title"] for view in logged(log, "page_view")] == ["A shop"] * 2
    assert [type(event["data"]["visible_ms"]) for event in closed] == [int]


def test_ten_thousand_events_of_a_page_are_ten_thousand_lines(browser, url, log):
    """Each once, though the collector lets a client make only so many requests a second."""
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 10000; i++) eventtracking.emit('burst', { i }); 1")
        until(lambda: page.evaluate("eventtracking.flush()") == 0)

    assert [event["data"]["i"] for event in logged(log, "burst")] == [*range(10_000)]
