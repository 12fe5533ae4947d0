"""The page in a real browser: what its own client tells the server."""

import json

import pytest
from chromium import chromium
from demo_site import Site

from eventtracking.demo import actions


@pytest.fixture(scope="session")
def browser():
    with chromium() as started:
        yield started


def named(site, name):
    return [event for event in site.events() if event["name"] == name]


def test_a_click_on_play_is_an_event_of_the_browser(browser, site):
    """It is in the log, with the user of the page, and the page shows the line."""
    with browser.page(site.url) as page:
        page.wait_for("!!window.eventtracking && document.readyState === 'complete'")
        page.click('button[data-path="/video/play"]')
        page.wait_for("[...document.querySelectorAll('#events .name')].length === 1")
        [shown] = page.texts("#events .name")
        line = page.evaluate("document.querySelector('#events code').dataset.line")

    [event] = named(site, "edx.video.played")
    assert shown == "edx.video.played"
    assert json.loads(line) == event
    assert event["data"] == {"id": actions.VIDEO_ID, "current_time": 0, "duration": 60}
    assert event["context"]["event_source"] == "browser"
    assert event["context"]["username"] == "ana"
    assert event["context"]["user_id"] == actions.user_of({"user": "ana"})["user_id"]
    assert page.errors == []


def test_the_view_of_the_page_and_its_end_are_events(browser, site):
    """One each, and the policy of the page lets them pass."""
    with browser.page(site.url) as page:
        page.wait_for("!!window.eventtracking")
        page.evaluate("eventtracking.flush()")
        page.navigate(f"{site.url}?again")
        page.wait_for(
            "!!window.eventtracking"
            " && Object.keys(localStorage).every((key) => !key.includes(':event:'))"
        )
        [close] = named(site, "page_close")
        view = named(site, "page_view")[0]

    assert view["data"] == {"title": "eventtracking demo", "referrer": ""}
    assert close["data"]["visible_ms"] >= 0
    assert page.errors == []


def test_lines_are_told_from_a_number_on(site):
    """Whatever stands for the number, a list comes back."""
    for query in ("", "?after=0", "?after=x", f"?after={'9' * 5000}", "?after=-1"):
        status, headers, body = site.request("GET", f"/lines{query}")

        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert json.loads(body) == {"last": 0, "lines": []}


@pytest.mark.parametrize("cookie", ["", "user=", "user=%00", "user=<b>", "a b c;;;=", "user=\\"])
def test_a_cookie_that_names_nobody_is_nobodys(site, cookie):
    """The event is taken all the same."""
    batch = {"sent_at": "2026-01-02T03:04:05Z", "events": [{"id": "1", "name": "a.b"}]}
    body = json.dumps(batch)
    headers = {"Cookie": cookie, "Origin": Site(site.url, "").url.rstrip("/")}
    status, _, answer = site.request(
        "POST", "/event", body, Content_Type="application/json", **headers
    )

    assert (status, json.loads(answer)["results"][0]["status"]) == (200, "accepted")
    [event] = named(site, "a.b")
    assert event["context"]["username"] == ""
