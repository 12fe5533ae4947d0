"""What the client takes for granted of browsers is so, and where they differ it knows."""

import json

from page_scripts import READY

LARGE = "navigator.sendBeacon('/event', 'x'.repeat(70000))"

# Told by beacons, each with the time: what a page stores while it goes may be lost.
LEAVING = """
for (const [target, name] of [[window, "pagehide"], [document, "visibilitychange"]]) {
  target.addEventListener(name, () => {
    navigator.sendBeacon("/event", JSON.stringify([performance.now(), name]));
  });
}
"""


def test_a_large_beacon_is_refused_but_by_firefox(browser, site):
    """So the client makes pieces, and reads what it is told."""
    site.answers.append((200, {}, b""))
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        taken = page.evaluate(LARGE)

    assert taken is (browser.name == "firefox")


def test_a_large_request_that_outlives_its_page_is_refused(browser, site):
    """So the client sends large batches without."""
    site.answers.append((200, {}, b""))
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        how = "{ method: 'POST', keepalive: true, body: 'x'.repeat(70000) }"
        taken = page.evaluate(f"fetch('/event', {how}).then(() => true, () => false)")

    assert taken is False


def test_a_page_that_is_left_goes_before_it_is_hidden(browser, site):
    """So the last event is there when the page sends its beacons."""
    site.page("/next")
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate(f"(() => {{ {LEAVING} }})()")
        page.go(f"{site.url}/next")
        told = site.wait(lambda here: len(here.requests) == 2 and here.requests)

    moments = sorted(json.loads(request.body) for request in told)
    assert [name for _, name in moments] == ["pagehide", "visibilitychange"]


def test_a_beacon_says_where_it_comes_from(browser, site):
    """So the collector needs no token; and it is a text, for which nobody asks before."""
    site.answers.append((200, {}, b""))
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("navigator.sendBeacon('/event', '{}')")
        [request] = site.wait(lambda here: here.requests)

    assert request.type.lower() == "text/plain;charset=utf-8"
    assert request.headers["Origin"] == site.url
    assert request.headers["Sec-Fetch-Site"] == "same-origin"
