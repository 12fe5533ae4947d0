"""What happens last on a page is not lost with it."""

from page_scripts import (
    FULL_STORAGE,
    HIDES,
    KEPT,
    NO_STORAGE,
    READY,
    SEES_BEACONS,
    SEES_FETCHES,
    signals,
)

# Nothing goes before the page is left.
QUIET = {"batch_seconds": "1000", "batch_events": "1000", "batch_bytes": "10000000"}


def emit_many(page, count, characters=1000):
    page.evaluate(
        f"for (let i = 0; i < {count}; i++)"
        f" eventtracking.emit('e' + i, 'é'.repeat({characters})); 1"
    )


def beacons(site):
    return [request for request in site.requests if request.is_beacon]


def finish(page):
    """Let the server confirm what the page has, and what the one before left."""
    page.wait_for(READY)
    # What a page writes at its end is seen by the next one a little later.
    page.wait_for(f"eventtracking.flush(), {KEPT} === 0")


def test_a_page_that_is_left_sends_beacons_of_16_kib_at_most(browser, site):
    """Each as long as may be; the events that do not fit wait for the next page."""
    url = site.page(**QUIET)
    site.page("/next", batch_seconds="1000")
    with browser.page(url, first=SEES_BEACONS) as page:
        page.wait_for(READY)
        emit_many(page, 20)
        page.go(f"{site.url}/next")
        sent = page.evaluate("beacons")
        site.wait(lambda here: len(here.events) == 20)
        finish(page)

    assert all(beacon["bytes"] <= 16_384 for beacon in sent)
    assert len(sent) == 3
    assert sorted(len(request.body) for request in beacons(site)) == sorted(
        beacon["bytes"] for beacon in sent if beacon["taken"]
    )
    assert len(site.events) == 20


def test_what_was_beaconed_stays_queued_until_the_server_confirms_it(browser, site):
    """A beacon's `true` is no delivery: here the server loses what it got."""
    site.page("/next", batch_seconds="1000")
    site.answers.append((500, {}, b""))
    with browser.page(site.page(batch_seconds="1000"), first=SEES_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), 1")
        page.go(f"{site.url}/next")
        site.wait(beacons)
        taken = [beacon["taken"] for beacon in page.evaluate("beacons")]
        finish(page)

    assert taken == [True]
    assert [request.is_beacon for request in site.requests] == [True, False]


def test_what_was_beaconed_well_is_confirmed_as_a_repeat(browser, site):
    """The id tells the server that it has the event."""
    site.page("/next", batch_seconds="1000")
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), 1")
        page.go(f"{site.url}/next")
        site.wait(beacons)
        finish(page)

    [first, second] = [request.batch["events"] for request in site.requests]
    assert first == second
    assert site.names() == ["a"]


def test_beacons_that_the_browser_refuses_lose_nothing(browser, site):
    """The events wait for the next page."""
    site.page("/next")
    first = f"{SEES_BEACONS} window.refuseBeacons = true;"
    with browser.page(site.page(**QUIET), first=first) as page:
        page.wait_for(READY)
        emit_many(page, 40)
        page.go(f"{site.url}/next")
        sent = page.evaluate("beacons")
        site.wait(lambda here: len(here.events) == 40)

    # After a refusal there is no room for more: one try when the page goes, one when it is hidden.
    assert [beacon["taken"] for beacon in sent] == [False] * 2
    assert beacons(site) == []
    assert set(site.accepted.values()) == {1}


def test_the_budget_of_the_browser_ends_beacons_and_nothing_is_lost(browser, site):
    """Browsers take about 64 KiB; the rest is sent by the next page."""
    url = site.page(**QUIET)
    site.page("/next")
    with browser.page(url, first=SEES_BEACONS) as page:
        page.wait_for(READY)
        emit_many(page, 100)
        page.go(f"{site.url}/next")
        sent = page.evaluate("beacons")
        site.wait(lambda here: len(here.events) == 100)

    taken = [beacon["bytes"] for beacon in sent if beacon["taken"]]
    assert all(beacon["bytes"] <= 16_384 for beacon in sent)
    # Firefox takes whatever it is given.
    assert (len(taken) == len(sent)) is (browser.name == "firefox")
    assert sum(taken) <= 65_536 or browser.name == "firefox"


def test_an_event_that_no_beacon_holds_waits_for_the_next_page(browser, site):
    """Its smaller neighbours do not wait for it."""
    site.page("/next", batch_seconds="1000")
    with browser.page(site.page(batch_seconds="1000"), first=SEES_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('large', 'x'.repeat(20000)), eventtracking.emit('a'), 1")
        page.go(f"{site.url}/next")
        site.wait(beacons)
        finish(page)
        site.wait_for("large", "a")

    assert [event["name"] for event in beacons(site)[0].batch["events"]] == ["a"]


def test_a_closed_tab_has_sent_its_beacons(browser, site):
    """There may never be a next page."""
    with browser.page(site.page(batch_seconds="1000", page_close="on")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), 1")
        other = page.beside("about:blank")
        page.close()
        site.wait_for("a", "page_close")
        assert other.evaluate("1") == 1


def test_a_hidden_page_sends_at_once_and_only_once_by_beacon(browser, site):
    """A hidden tab of a phone may be its end; being hidden again repeats nothing."""
    first = SEES_BEACONS + HIDES
    with browser.page(site.page(batch_seconds="1000"), first=first) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), hide(true), hide(false), hide(true), 1")
        site.wait_for("a")
        page.evaluate("eventtracking.emit('b'), hide(false), hide(true), 1")
        site.wait_for("a", "b")
        left = page.evaluate("eventtracking.flush()")
        count = page.evaluate("beacons.length")

    assert (count, left) == (2, 0)
    assert [[e["name"] for e in each.batch["events"]] for each in beacons(site)] == [["a"], ["b"]]


def test_what_storage_did_not_take_is_beaconed_first(browser, site):
    """It has no other chance."""
    url = site.page(**QUIET)
    site.page("/next")
    with browser.page(url, first=SEES_BEACONS) as page:
        page.wait_for(READY)
        emit_many(page, 50)
        page.evaluate(f"{FULL_STORAGE} eventtracking.emit('unkept'), 1")
        page.go(f"{site.url}/next")
        site.wait_for("unkept")

    assert beacons(site)[0].batch["events"][0]["name"] == "unkept"


def test_a_large_event_that_storage_did_not_take_leaves_with_its_page(browser, site):
    """No beacon holds it, and there is nothing to send it from later."""
    site.page("/next")
    with browser.page(site.page(**QUIET), first=NO_STORAGE) as page:
        page.wait_for(READY)
        page.evaluate(
            "document.cookie = 'session=1',"
            "eventtracking.emit('large', 'x'.repeat(40000)), eventtracking.emit('small'), 1"
        )
        page.go(f"{site.url}/next")
        site.wait_for("large", "small")

    found = {each.batch["events"][0]["name"]: each.headers.get("Cookie") for each in beacons(site)}
    assert found == {"large": "session=1", "small": "session=1"}
    assert set(site.accepted.values()) == {1}


def test_nothing_is_beaconed_before_the_server_wants_it(browser, site):
    """Retry-After holds for pages that are left too."""
    site.answers.append((429, {"Retry-After": "1000"}, b""))
    site.page("/next")
    with browser.page(site.page(batch_seconds="1000"), first=SEES_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        page.go(f"{site.url}/next")
        sent = page.evaluate("beacons")

    assert sent == []


def test_who_wants_to_be_nobody_is_told_of_without_cookies(browser, site):
    """A beacon would bring them along."""
    site.page("/next", batch_seconds="1000")
    first = SEES_BEACONS + SEES_FETCHES + signals(gpc=True)
    with browser.page(site.page(batch_seconds="1000"), first=first) as page:
        page.wait_for(READY)
        page.evaluate("document.cookie = 'session=1', eventtracking.emit('a'), 1")
        page.go(f"{site.url}/next")
        site.wait(lambda here: here.requests)
        finish(page)
        sent = page.evaluate("beacons")

    assert sent == []
    assert [request.headers.get("Cookie") for request in site.requests] == [None, None]


def test_page_close_is_told_once_with_the_time_the_page_was_seen(browser, site):
    """Time in the background does not count."""
    site.page("/next")
    first = HIDES + "window.time = 1000; performance.now = () => window.time;"
    with browser.page(site.page(page_close="on"), first=first) as page:
        page.wait_for(READY)
        page.evaluate(
            "time = 3000, hide(true), time = 60000, hide(false), time = 60500,"
            "dispatchEvent(new PageTransitionEvent('pagehide')), 1"
        )
        page.go(f"{site.url}/next")
        [event] = site.wait_for("page_close")
        page.wait_for(f"{READY} && {KEPT} === 0")

    assert event["data"] == {"visible_ms": 2500}
    assert site.names() == ["page_close"]


def test_page_close_is_told_only_where_it_is_asked_for(browser, site):
    """It is off by default."""
    site.page("/next")
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.go(f"{site.url}/next")
        page.evaluate("eventtracking.emit('last')")

    assert site.names() == ["last"]


def test_a_page_that_comes_back_is_seen_and_closed_again(browser, site):
    """The browser keeps pages for its back button, scripts and all."""
    url = site.page(page_views="on", page_close="on", title="First")
    site.page("/next")
    with browser.page(url) as page:
        page.wait_for(READY)
        # A page that waits for an answer is not kept by all browsers.
        page.evaluate("window.isTheSame = true, eventtracking.flush()")
        page.go(f"{site.url}/next")
        site.wait_for("page_close")
        page.evaluate("history.back()")
        site.wait(lambda here: here.names().count("page_view") == 2)
        was_kept = page.evaluate("!!window.isTheSame")
        page.go(f"{site.url}/next")
        site.wait(lambda here: here.names().count("page_close") == 2)

    assert was_kept
    assert site.names() == ["page_view", "page_close"] * 2
