"""Exactly-once delivery: despite failures, the log has every event of a page once."""

import pytest
from page_scripts import FILL_STORAGE, READY, STORED_COUNT
from shop import Shop, wait_until

# Without waiting for the next retry.
RETRY_NOW = "dispatchEvent(new Event('online')), eventtracking.flush()"


@pytest.fixture
def shop(tmp_path):
    with Shop(tmp_path) as running:
        yield running


def emit(page, numbers):
    """Emit an event for each of a range of *numbers*."""
    page.wait_for(READY)
    loop = f"for (let i = {numbers.start}; i < {numbers.stop}; i++)"
    page.evaluate(f"{loop} eventtracking.emit('counted', {{ i }}); 1")


def logged_numbers(shop):
    return sorted(event["data"]["i"] for event in shop.logged("counted"))


def emit_without_response(page, shop, numbers):
    """Emit events that the server logs although its responses to the page are lost."""
    finish(page)
    shop.loses_responses = True
    lost_before = shop.lost_responses
    emit(page, numbers)
    wait_until(lambda: shop.lost_responses > lost_before and {*numbers} <= {*logged_numbers(shop)})


def finish(page):
    """Wait until the server has confirmed the events of this page and of earlier pages."""
    page.wait_for(READY)
    wait_until(lambda: page.evaluate(RETRY_NOW) == 0 and page.evaluate(STORED_COUNT) == 0)


def test_events_of_a_page_that_was_offline(browser, shop):
    """Both those emitted before and those emitted while it was offline."""
    with browser.page(shop.url) as page:
        emit(page, range(10))
        page.offline()
        emit(page, range(10, 40))
        queued = page.evaluate("eventtracking.flush()")
        page.offline(False)
        finish(page)

    assert queued >= 30
    assert logged_numbers(shop) == [*range(40)]


def test_events_of_a_tab_that_was_killed_before_it_received_a_response(browser, shop):
    """The next page sends them again, together with those that were not sent at all."""
    with browser.page(shop.url) as page:
        emit_without_response(page, shop, range(50))
        emit(page, range(50, 60))
        # Another process of the browser must see the events; otherwise they end with the tab.
        other = page.open_tab(f"{shop.url}empty")
        other.wait_for(f"{STORED_COUNT} === 60")
        other.close()
        page.kill()
        shop.loses_responses = False
        finish(page.open_tab(shop.url))

    assert logged_numbers(shop) == [*range(60)]


def test_events_of_two_tabs_if_one_is_closed(browser, shop):
    """Both send events again that the server has, and one leaves events to the other."""
    with browser.page(shop.url) as page:
        other = page.open_tab(shop.url)
        finish(other)
        emit_without_response(page, shop, range(50))
        emit(other, range(50, 100))
        wait_until(lambda: {*range(50, 100)} <= {*logged_numbers(shop)})
        emit(other, range(100, 130))
        other.close()
        shop.loses_responses = False
        # Other tabs see the writes of a tab a little later.
        wait_until(lambda: page.evaluate(RETRY_NOW) == 0 and len(logged_numbers(shop)) >= 130)
        finish(page)

    assert logged_numbers(shop) == [*range(130)]


def test_events_that_exceed_the_storage_quota(browser, shop):
    """The application has used up the real quota, and the server is down for a while."""
    with browser.page(shop.url) as page:
        finish(page)
        page.evaluate(FILL_STORAGE)
        shop.stop()
        emit(page, range(100))
        stored, queued = page.evaluate(STORED_COUNT), page.evaluate("eventtracking.flush()")
        shop.start()
        finish(page)

    assert (stored, queued >= 100) == (0, True)
    assert logged_numbers(shop) == [*range(100)]


def test_events_under_a_strict_policy(browser, shop):
    """If the policy of a page blocks requests, the next page sends its events."""
    with browser.page(shop.url) as page:
        emit(page, range(10))
        finish(page)
        errors = [*page.errors]
        page.navigate(f"{shop.url}blocked")
        emit(page, range(10, 20))
        queued = page.evaluate("eventtracking.flush()")
        page.navigate(shop.url)
        finish(page)

    assert errors == []
    assert queued >= 10
    assert logged_numbers(shop) == [*range(20)]


def test_events_sent_to_a_server_that_restarts_before_it_responds(browser, shop):
    """The server keeps the ids of accepted events in a file, so it recognises duplicates."""
    with browser.page(shop.url) as page:
        emit_without_response(page, shop, range(50))
        shop.stop()
        emit(page, range(50, 120))
        queued = page.evaluate("eventtracking.flush()")
        shop.loses_responses = False
        shop.start()
        finish(page)

    assert queued >= 120
    assert logged_numbers(shop) == [*range(120)]
