"""From a click on a page to the line in the log and the payload at a vendor."""

from uuid import uuid4

import pytest
from page_scripts import KEPT, READY
from shop import Shop, until

from eventtracking.backends.segment import SegmentBackend
from eventtracking.inspector.server import Inspector


@pytest.fixture
def inspector():
    running = Inspector(token=uuid4().hex)
    yield running
    running.close()


@pytest.fixture
def shop(tmp_path, inspector):
    """A site with the collector, whose events go to a log and to *inspector*."""
    segment = SegmentBackend(write_key="made-up", host=inspector.url)
    with Shop(tmp_path, segment=segment) as running:
        yield running


def calls(inspector, name):
    events = [stored.as_dict() for stored in inspector.events.kept()]
    return [event["payload"] for event in events if event["name"] == name]


def test_a_click_becomes_a_line_in_the_log_and_a_call_to_segment(browser, shop, inspector):
    """With the user that the server knows, whatever the page says."""
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
    [call] = until(lambda: calls(inspector, "shop.order.placed"))
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


def test_views_and_the_end_of_a_page_are_in_the_log(browser, shop):
    """The end goes by a beacon, and is confirmed by the next page: one line it is."""
    with browser.page(shop.url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.flush()")
        page.go(f"{shop.url}next")
        until(lambda: len(shop.logged("page_view")) == 2)
        page.wait_for(f"{KEPT} === 0")
        closed = shop.logged("page_close")

    assert [view["data"]["title"] for view in shop.logged("page_view")] == ["A shop"] * 2
    assert [type(event["data"]["visible_ms"]) for event in closed] == [int]


def test_ten_thousand_events_of_a_page_are_ten_thousand_lines(browser, shop):
    """Each once, though the collector lets a client make only so many requests a second."""
    with browser.page(shop.url) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 10000; i++) eventtracking.emit('burst', { i }); 1")
        until(lambda: page.evaluate("eventtracking.flush()") == 0)

    assert [event["data"]["i"] for event in shop.logged("burst")] == [*range(10_000)]
