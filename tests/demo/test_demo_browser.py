"""The page in a real browser, and the events that the browser sends itself."""

import json

import pytest
from chromium import chromium

from eventtracking.demo import actions


@pytest.fixture(scope="session")
def browser():
    with chromium() as started:
        yield started


def events_named(site, name):
    return [event for event in site.events() if event["name"] == name]


def test_a_click_on_play_is_tracked_in_the_browser(browser, site):
    """The event is in the log with the user of the page, and the page shows its line."""
    with browser.page(site.url) as page:
        page.wait_for("!!window.eventtracking && document.readyState === 'complete'")
        page.click('button[data-path="/video/play"]')
        page.wait_for("[...document.querySelectorAll('#events .name')].length === 1")
        [shown] = page.texts("#events .name")
        line = page.evaluate("document.querySelector('#events code').dataset.line")

    [event] = events_named(site, "edx.video.played")
    assert shown == "edx.video.played"
    assert json.loads(line) == event
    assert event["data"] == {"id": actions.VIDEO_ID, "current_time": 0, "duration": 60}
    assert event["context"]["event_source"] == "browser"
    assert event["context"]["username"] == "ana"
    assert event["context"]["user_id"] == actions.user_context({"user": "ana"})["user_id"]
    assert page.errors == []


def test_opening_and_leaving_the_page_are_events(browser, site):
    """One each, and the policy of the page allows them."""
    with browser.page(site.url) as page:
        page.wait_for("!!window.eventtracking")
        page.evaluate("eventtracking.flush()")
        page.navigate(f"{site.url}?again")
        page.wait_for(
            "!!window.eventtracking"
            " && Object.keys(localStorage).every((key) => !key.includes(':event:'))"
        )
        [close] = events_named(site, "page_close")
        view = events_named(site, "page_view")[0]

    assert view["data"] == {"title": "eventtracking demo", "referrer": ""}
    assert close["data"]["visible_ms"] >= 0
    assert page.errors == []


def test_the_lines_after_a_number_can_be_fetched(site):
    """Any text in place of the number gets a list as well."""
    for query in ("", "?after=0", "?after=x", f"?after={'9' * 5000}", "?after=-1"):
        status, headers, body = site.request("GET", f"/lines{query}")

        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert json.loads(body) == {"last": 0, "lines": []}


@pytest.mark.parametrize("cookie", ["", "user=", "user=%00", "user=<b>", "a b c;;;=", "user=\\"])
def test_without_a_valid_cookie_an_event_has_no_user(site, cookie):
    """It is accepted all the same."""
    batch = {"sent_at": "2026-01-02T03:04:05Z", "events": [{"id": "1", "name": "a.b"}]}
    body = json.dumps(batch)
    headers = {"Cookie": cookie, "Origin": site.url.rstrip("/")}
    status, _, response = site.request(
        "POST", "/event", body, Content_Type="application/json", **headers
    )

    assert (status, json.loads(response)["results"][0]["status"]) == (200, "accepted")
    [event] = events_named(site, "a.b")
    assert event["context"]["username"] == ""
