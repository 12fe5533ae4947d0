"""Beacons and `page_close`: the last events of a page are not lost."""

from page_scripts import (
    DEFINE_HIDE,
    FULL_STORAGE,
    NO_STORAGE,
    READY,
    RECORD_BEACONS,
    RECORD_FETCHES,
    STORED_COUNT,
    privacy_signals,
)

# Nothing is sent before the page is left.
NO_BATCHES = {"batch_seconds": "1000", "batch_events": "1000", "batch_bytes": "10000000"}


def emit_many(page, count, characters=1000):
    page.evaluate(
        f"for (let i = 0; i < {count}; i++)"
        f" eventtracking.emit('e' + i, 'é'.repeat({characters})); 1"
    )


def received_beacons(site):
    return [request for request in site.requests if request.is_beacon]


def finish(page):
    """Wait until the server has confirmed the events of this page and of the one before."""
    page.wait_for(READY)
    # The next page sees the last writes of a page a little later.
    page.wait_for(f"eventtracking.flush(), {STORED_COUNT} === 0")


def test_a_page_that_is_left_sends_beacons_of_at_most_16_kib(browser, site):
    """Each as full as possible. The next page sends the events that the browser refused."""
    url = site.add_page(**NO_BATCHES)
    site.add_page("/next", batch_seconds="1000")
    with browser.page(url, preload=RECORD_BEACONS) as page:
        page.wait_for(READY)
        emit_many(page, 20)
        page.navigate(f"{site.url}/next")
        sent = page.evaluate("beacons")
        site.wait_until(lambda: len(site.events) == 20)
        finish(page)

    assert all(beacon["bytes"] <= 16_384 for beacon in sent)
    assert len(sent) == 3
    assert sorted(len(request.body) for request in received_beacons(site)) == sorted(
        beacon["bytes"] for beacon in sent if beacon["isAccepted"]
    )
    assert len(site.events) == 20


def test_the_events_of_a_beacon_stay_queued_until_the_server_confirms_them(browser, site):
    """An accepted beacon is not a delivery: in this test, the server fails."""
    site.add_page("/next", batch_seconds="1000")
    site.responses.append((500, {}, b""))
    with browser.page(site.add_page(batch_seconds="1000"), preload=RECORD_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), 1")
        page.navigate(f"{site.url}/next")
        site.wait_until(lambda: received_beacons(site))
        accepted = [beacon["isAccepted"] for beacon in page.evaluate("beacons")]
        finish(page)

    assert accepted == [True]
    assert [request.is_beacon for request in site.requests] == [True, False]


def test_the_next_page_has_the_events_of_a_beacon_confirmed(browser, site):
    """It sends them again, and the server recognises them by their ids."""
    site.add_page("/next", batch_seconds="1000")
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), 1")
        page.navigate(f"{site.url}/next")
        site.wait_until(lambda: received_beacons(site))
        finish(page)

    [first, second] = [request.batch["events"] for request in site.requests]
    assert first == second
    assert site.names() == ["a"]


def test_a_beacon_that_the_browser_refuses_loses_no_event(browser, site):
    """The next page sends the events."""
    site.add_page("/next")
    preload = f"{RECORD_BEACONS} window.refuseBeacons = true;"
    with browser.page(site.add_page(**NO_BATCHES), preload=preload) as page:
        page.wait_for(READY)
        emit_many(page, 40)
        page.navigate(f"{site.url}/next")
        sent = page.evaluate("beacons")
        site.wait_until(lambda: len(site.events) == 40)

    # No beacon follows a refused one: there is one when the page ends and one when it is hidden.
    assert [beacon["isAccepted"] for beacon in sent] == [False] * 2
    assert received_beacons(site) == []
    assert set(site.times_received.values()) == {1}


def test_beacons_beyond_the_browsers_budget_lose_no_event(browser, site):
    """Browsers accept about 64 KiB, and the next page sends the rest."""
    url = site.add_page(**NO_BATCHES)
    site.add_page("/next")
    with browser.page(url, preload=RECORD_BEACONS) as page:
        page.wait_for(READY)
        emit_many(page, 100)
        page.navigate(f"{site.url}/next")
        sent = page.evaluate("beacons")
        site.wait_until(lambda: len(site.events) == 100)

    accepted = [beacon["bytes"] for beacon in sent if beacon["isAccepted"]]
    assert all(beacon["bytes"] <= 16_384 for beacon in sent)
    # Firefox accepts every beacon.
    assert (len(accepted) == len(sent)) is (browser.name == "firefox")
    assert sum(accepted) <= 65_536 or browser.name == "firefox"


def test_an_event_too_large_for_a_beacon_is_sent_by_the_next_page(browser, site):
    """It does not delay smaller events."""
    site.add_page("/next", batch_seconds="1000")
    with browser.page(site.add_page(batch_seconds="1000"), preload=RECORD_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('large', 'x'.repeat(20000)), eventtracking.emit('a'), 1")
        page.navigate(f"{site.url}/next")
        site.wait_until(lambda: received_beacons(site))
        finish(page)
        site.wait_for("large", "a")

    assert [event["name"] for event in received_beacons(site)[0].batch["events"]] == ["a"]


def test_a_closed_tab_sends_beacons(browser, site):
    """There may be no next page."""
    with browser.page(site.add_page(batch_seconds="1000", page_close="on")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), 1")
        other = page.open_tab("about:blank")
        page.close()
        site.wait_for("a", "page_close")
        assert other.evaluate("1") == 1


def test_a_hidden_page_sends_each_event_in_one_beacon(browser, site):
    """A phone may end a hidden tab. An event is not repeated when the page is hidden again."""
    preload = RECORD_BEACONS + DEFINE_HIDE
    with browser.page(site.add_page(batch_seconds="1000"), preload=preload) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), hide(true), hide(false), hide(true), 1")
        site.wait_for("a")
        page.evaluate("eventtracking.emit('b'), hide(false), hide(true), 1")
        site.wait_for("a", "b")
        queued = page.evaluate("eventtracking.flush()")
        count = page.evaluate("beacons.length")

    batches = [request.batch["events"] for request in received_beacons(site)]
    assert (count, queued) == (2, 0)
    assert [[event["name"] for event in batch] for batch in batches] == [["a"], ["b"]]


def test_beacons_send_the_events_that_are_not_in_storage_first(browser, site):
    """Those have no other chance."""
    url = site.add_page(**NO_BATCHES)
    site.add_page("/next")
    with browser.page(url, preload=RECORD_BEACONS) as page:
        page.wait_for(READY)
        emit_many(page, 50)
        page.evaluate(f"{FULL_STORAGE} eventtracking.emit('unstored'), 1")
        page.navigate(f"{site.url}/next")
        site.wait_for("unstored")

    assert received_beacons(site)[0].batch["events"][0]["name"] == "unstored"


def test_a_large_event_that_is_not_in_storage_is_sent_when_the_page_ends(browser, site):
    """By a request with keepalive, because it is too large for a beacon."""
    site.add_page("/next")
    with browser.page(site.add_page(**NO_BATCHES), preload=NO_STORAGE) as page:
        page.wait_for(READY)
        page.evaluate(
            "document.cookie = 'session=1',"
            "eventtracking.emit('large', 'x'.repeat(40000)), eventtracking.emit('small'), 1"
        )
        page.navigate(f"{site.url}/next")
        site.wait_for("large", "small")

    cookies = {
        request.batch["events"][0]["name"]: request.headers.get("Cookie")
        for request in received_beacons(site)
    }
    assert cookies == {"large": "session=1", "small": "session=1"}
    assert set(site.times_received.values()) == {1}


def test_no_beacon_is_sent_before_the_time_in_retry_after(browser, site):
    """The server's wish holds for pages that are left, too."""
    site.responses.append((429, {"Retry-After": "1000"}, b""))
    site.add_page("/next")
    with browser.page(site.add_page(batch_seconds="1000"), preload=RECORD_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        page.navigate(f"{site.url}/next")
        sent = page.evaluate("beacons")

    assert sent == []


def test_the_last_events_of_an_anonymous_visitor_are_sent_without_cookies(browser, site):
    """A beacon would include cookies."""
    site.add_page("/next", batch_seconds="1000")
    preload = RECORD_BEACONS + RECORD_FETCHES + privacy_signals(gpc=True)
    with browser.page(site.add_page(batch_seconds="1000"), preload=preload) as page:
        page.wait_for(READY)
        page.evaluate("document.cookie = 'session=1', eventtracking.emit('a'), 1")
        page.navigate(f"{site.url}/next")
        site.wait_until(lambda: site.requests)
        finish(page)
        sent = page.evaluate("beacons")

    assert sent == []
    assert [request.headers.get("Cookie") for request in site.requests] == [None, None]


def test_page_close_is_emitted_once_with_the_time_the_page_was_visible(browser, site):
    """Time in the background does not count."""
    site.add_page("/next")
    preload = DEFINE_HIDE + "window.time = 1000; performance.now = () => window.time;"
    with browser.page(site.add_page(page_close="on"), preload=preload) as page:
        page.wait_for(READY)
        page.evaluate(
            "time = 3000, hide(true), time = 60000, hide(false), time = 60500,"
            "dispatchEvent(new PageTransitionEvent('pagehide')), 1"
        )
        page.navigate(f"{site.url}/next")
        [event] = site.wait_for("page_close")
        page.wait_for(f"{READY} && {STORED_COUNT} === 0")

    assert event["data"] == {"visible_ms": 2500}
    assert site.names() == ["page_close"]


def test_page_close_is_off_by_default(browser, site):
    """A page that is left emits nothing."""
    site.add_page("/next")
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.navigate(f"{site.url}/next")
        page.evaluate("eventtracking.emit('last')")

    assert site.names() == ["last"]


def test_a_page_restored_by_the_back_button_is_viewed_and_closed_again(browser, site):
    """The back/forward cache keeps a page with its scripts."""
    url = site.add_page(page_views="on", page_close="on", title="First")
    site.add_page("/next")
    with browser.page(url) as page:
        page.wait_for(READY)
        # Not all browsers cache a page with a request in flight.
        page.evaluate("window.isSameDocument = true, eventtracking.flush()")
        page.navigate(f"{site.url}/next")
        site.wait_for("page_close")
        page.evaluate("history.back()")
        site.wait_until(lambda: site.names().count("page_view") == 2)
        was_cached = page.evaluate("!!window.isSameDocument")
        page.navigate(f"{site.url}/next")
        site.wait_until(lambda: site.names().count("page_close") == 2)

    assert was_cached
    assert site.names() == ["page_view", "page_close"] * 2
