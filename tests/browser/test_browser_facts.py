"""What the client takes for granted of browsers is so, and where they differ it knows."""

LARGE = "navigator.sendBeacon('/event', 'x'.repeat(70000))"

LEAVING = """
for (const [target, name] of [[window, "pagehide"], [document, "visibilitychange"]]) {
  target.addEventListener(name, () => {
    const seen = (sessionStorage.getItem("seen") || "") + " " + name;
    sessionStorage.setItem("seen", seen.trim());
  });
}
"""


def test_a_large_beacon_is_refused_but_by_firefox(browser, site):
    """So the client makes pieces, and reads what it is told."""
    site.answers.append((200, {}, b""))
    with browser.page(site.page()) as page:
        page.wait_for("!!window.eventtracking")
        taken = page.evaluate(LARGE)

    assert taken is (browser.name == "firefox")


def test_a_large_request_that_outlives_its_page_is_refused(browser, site):
    """So the client sends large batches without."""
    site.answers.append((200, {}, b""))
    with browser.page(site.page()) as page:
        page.wait_for("!!window.eventtracking")
        how = "{ method: 'POST', keepalive: true, body: 'x'.repeat(70000) }"
        taken = page.evaluate(f"fetch('/event', {how}).then(() => true, () => false)")

    assert taken is False


def test_a_page_that_is_left_goes_before_it_is_hidden(browser, site):
    """So the last event is there when the page sends its beacons."""
    site.page("/next")
    with browser.page(site.page()) as page:
        page.wait_for("!!window.eventtracking")
        page.evaluate(f"(() => {{ {LEAVING} }})()")
        page.go(f"{site.url}/next")
        seen = page.wait_for(
            "(sessionStorage.seen || '').split(' ').length === 2 && sessionStorage.seen"
        )

    assert seen == "pagehide visibilitychange"


def test_a_beacon_says_where_it_comes_from(browser, site):
    """So the collector needs no token; and it is a text, for which nobody asks before."""
    site.answers.append((200, {}, b""))
    with browser.page(site.page()) as page:
        page.wait_for("!!window.eventtracking")
        page.evaluate("navigator.sendBeacon('/event', '{}')")
        [request] = site.wait(lambda here: here.requests)

    assert request.type.lower() == "text/plain;charset=utf-8"
    assert request.headers["Origin"] == site.url
    assert request.headers["Sec-Fetch-Site"] == "same-origin"
