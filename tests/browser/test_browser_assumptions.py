"""The assumptions that the client makes about browsers hold."""

import json

from page_scripts import READY

SEND_LARGE_BEACON = "navigator.sendBeacon('/event', 'x'.repeat(70000))"

# Beacons report the events and their times, since a page may lose what it stores while it ends.
REPORT_PAGE_END = """
for (const [target, name] of [[window, "pagehide"], [document, "visibilitychange"]]) {
  target.addEventListener(name, () => {
    navigator.sendBeacon("/event", JSON.stringify([performance.now(), name]));
  });
}
"""


def test_all_browsers_except_firefox_refuse_a_large_beacon(browser, site):
    """So the client splits beacons, and checks the result of `sendBeacon`."""
    site.responses.append((200, {}, b""))
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        is_accepted = page.evaluate(SEND_LARGE_BEACON)

    assert is_accepted is (browser.name == "firefox")


def test_browsers_refuse_a_large_request_with_keepalive(browser, site):
    """So the client sends large batches without keepalive."""
    site.responses.append((200, {}, b""))
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        options = "{ method: 'POST', keepalive: true, body: 'x'.repeat(70000) }"
        succeeded = page.evaluate(f"fetch('/event', {options}).then(() => true, () => false)")

    assert succeeded is False


def test_pagehide_fires_before_visibilitychange(browser, site):
    """So `page_close` is queued before the hidden page sends its beacons."""
    site.add_page("/next")
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate(f"(() => {{ {REPORT_PAGE_END} }})()")
        page.navigate(f"{site.url}/next")
        site.wait_until(lambda: len(site.requests) == 2)

    reports = sorted(json.loads(request.body) for request in site.requests)
    assert [name for _, name in reports] == ["pagehide", "visibilitychange"]


def test_a_beacon_names_its_origin(browser, site):
    """So the collector needs no token. As plain text, a beacon causes no preflight request."""
    site.responses.append((200, {}, b""))
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("navigator.sendBeacon('/event', '{}')")
        [request] = site.wait_until(lambda: site.requests)

    assert request.type.lower() == "text/plain;charset=utf-8"
    assert request.headers["Origin"] == site.url
    assert request.headers["Sec-Fetch-Site"] == "same-origin"
