"""Whatever happens between, every event of a page is in the server's log exactly once."""

import pytest
from page_scripts import FILLS_STORAGE, KEPT, READY
from shop import Shop, until

# Without waiting until it is time for another try.
TRIES_NOW = "dispatchEvent(new Event('online')), eventtracking.flush()"


@pytest.fixture
def shop(tmp_path):
    with Shop(tmp_path) as running:
        yield running


def emit(page, numbers):
    """Emit an event for each of a range of *numbers*."""
    page.wait_for(READY)
    loop = f"for (let i = {numbers.start}; i < {numbers.stop}; i++)"
    page.evaluate(f"{loop} eventtracking.emit('counted', {{ i }}); 1")


def logged(shop):
    return sorted(event["data"]["i"] for event in shop.logged("counted"))


def emit_unheard(page, shop, numbers):
    """Emit events that the server takes, and of which the page does not hear that."""
    finish(page)
    shop.loses_answers = True
    lost = shop.lost_answers
    emit(page, numbers)
    until(lambda: shop.lost_answers > lost and {*numbers} <= {*logged(shop)})


def finish(page):
    """Wait until the server has confirmed what this page has, and what others left."""
    page.wait_for(READY)
    until(lambda: page.evaluate(TRIES_NOW) == 0 and page.evaluate(KEPT) == 0)


def test_events_of_a_page_that_was_offline(browser, shop):
    """They wait, and so do those that are only emitted."""
    with browser.page(shop.url) as page:
        emit(page, range(10))
        page.offline()
        emit(page, range(10, 40))
        left = page.evaluate("eventtracking.flush()")
        page.offline(False)
        finish(page)

    assert left >= 30
    assert logged(shop) == [*range(40)]


def test_events_of_a_tab_that_was_killed_before_it_heard_of_their_arrival(browser, shop):
    """The next page sends them again, with what was not sent at all."""
    with browser.page(shop.url) as page:
        emit_unheard(page, shop, range(50))
        emit(page, range(50, 60))
        # The other side of the browser has them: what is not there dies with the tab.
        witness = page.beside(f"{shop.url}empty")
        witness.wait_for(f"{KEPT} === 60")
        witness.close()
        page.kill()
        shop.loses_answers = False
        finish(page.beside(shop.url))

    assert logged(shop) == [*range(60)]


def test_events_of_two_tabs_of_which_one_is_closed(browser, shop):
    """Both send again what the server has; one leaves the rest to the other."""
    with browser.page(shop.url) as page:
        other = page.beside(shop.url)
        finish(other)
        emit_unheard(page, shop, range(50))
        emit(other, range(50, 100))
        until(lambda: {*range(50, 100)} <= {*logged(shop)})
        emit(other, range(100, 130))
        other.close()
        shop.loses_answers = False
        # What a tab wrote is seen by another a little later.
        until(lambda: page.evaluate(TRIES_NOW) == 0 and len(logged(shop)) >= 130)
        finish(page)

    assert logged(shop) == [*range(130)]


def test_events_that_storage_has_no_room_for(browser, shop):
    """A real quota, which the application used up; and a server that is down for a while."""
    with browser.page(shop.url) as page:
        finish(page)
        page.evaluate(FILLS_STORAGE)
        shop.down()
        emit(page, range(100))
        kept, left = page.evaluate(KEPT), page.evaluate("eventtracking.flush()")
        shop.up()
        finish(page)

    assert (kept, left >= 100) == (0, True)
    assert logged(shop) == [*range(100)]


def test_events_under_a_strict_policy(browser, shop):
    """It hinders nothing; where it lets nothing be sent, events wait for a page that may."""
    with browser.page(shop.url) as page:
        emit(page, range(10))
        finish(page)
        complaints = [*page.complaints]
        page.go(f"{shop.url}cut")
        emit(page, range(10, 20))
        left = page.evaluate("eventtracking.flush()")
        page.go(shop.url)
        finish(page)

    assert complaints == []
    assert left >= 10
    assert logged(shop) == [*range(20)]


def test_events_of_a_server_that_went_down_before_it_answered_and_came_up_again(browser, shop):
    """What it took before is in a file, so it takes that no second time."""
    with browser.page(shop.url) as page:
        emit_unheard(page, shop, range(50))
        shop.down()
        emit(page, range(50, 120))
        left = page.evaluate("eventtracking.flush()")
        shop.loses_answers = False
        shop.up()
        finish(page)

    assert left >= 120
    assert logged(shop) == [*range(120)]
