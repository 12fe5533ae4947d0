"""From a click on a page to a line in the log and a request to Segment."""

from uuid import uuid4

import pytest
from page_scripts import READY, STORED_COUNT
from shop import Shop, wait_until

from eventtracking.backends.segment import SegmentBackend
from eventtracking.inspector.server import Inspector


@pytest.fixture
def inspector():
    running = Inspector(token=uuid4().hex)
    yield running
    running.close()


@pytest.fixture
def shop(tmp_path, inspector):
    """A site with the collector, whose events go to a log and to the inspector."""
    segment = SegmentBackend(write_key="made-up", host=inspector.url)
    with Shop(tmp_path, segment=segment) as running:
        yield running


def segment_calls(inspector, name):
    events = [stored.as_dict() for stored in inspector.events.kept()]
    return [event["payload"] for event in events if event["name"] == name]


def test_a_click_becomes_a_line_in_the_log_and_a_call_to_segment(browser, shop, inspector):
    """With the user from the server, even if the page names another."""
    with browser.page(shop.url) as page:
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

    [event] = shop.logged("shop.order.placed")
    [call] = wait_until(lambda: segment_calls(inspector, "shop.order.placed"))
    context = event["context"]
    assert status == "accepted"
    assert event["data"] == call["properties"]["data"] == {"order_id": 1042}
    assert (context["event_source"], context["user_id"], context["username"]) == (
        "browser",
        7,
        "ana",
    )
    assert context["page"] == shop.url
    assert context["page_context"] == {"cart": {"items": 2}, "user_id": {"user_id": 666}}
    assert call["userId"] == "7"


def test_page_views_and_page_close_are_in_the_log(browser, shop):
    """The next page sends the event of the beacon again, but the log has it once."""
    with browser.page(shop.url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.flush()")
        page.navigate(f"{shop.url}next")
        wait_until(lambda: len(shop.logged("page_view")) == 2)
        page.wait_for(f"{STORED_COUNT} === 0")
        closed = shop.logged("page_close")

    assert [view["data"]["title"] for view in shop.logged("page_view")] == ["A shop"] * 2
    assert [type(event["data"]["visible_ms"]) for event in closed] == [int]


def test_ten_thousand_events_of_a_page_are_ten_thousand_lines(browser, shop):
    """Although the collector limits the rate of a client's requests."""
    with browser.page(shop.url) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 10000; i++) eventtracking.emit('burst', { i }); 1")
        wait_until(lambda: page.evaluate("eventtracking.flush()") == 0)

    assert [event["data"]["i"] for event in shop.logged("burst")] == [*range(10_000)]
