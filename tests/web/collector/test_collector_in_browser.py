"""The client, the collector and the tracker together, from a click to a line in the log."""

import pytest
from chromium import chromium
from servers import served

pytest.importorskip("django")


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def site(tmp_path):
    with served("gunicorn-sync", "collector_django_site", tmp_path / "log") as client:
        client.url = f"http://127.0.0.1:{client.port}"
        client.log = tmp_path / "log"
        yield client


def test_a_click_is_logged_once(browser, site):
    """With a strict Content Security Policy, and with the context of the page."""
    with browser.page(f"{site.url}/page") as page:
        page.click("button")
        page.wait_for("Object.keys(localStorage).every((key) => !key.includes(':event:'))")
        sent = page.evaluate("eventtracking.emit('script.emitted', 5)")
        errors = page.errors
    events = site.events()
    [clicked] = [event for event in events if event["name"] == "button.clicked"]
    viewed = [event for event in events if event["name"] == "page_view"]

    assert sent["status"] == "accepted"
    assert errors == []
    assert len(viewed) == 1
    assert clicked["data"] == {"text": "Buy"}
    context = clicked["context"]
    assert context["page_context"] == {"cart": {"items": 3, "user_id": 666}}
    assert (context["event_source"], context["page"]) == ("browser", f"{site.url}/page")
    assert context["user_id"] is None
    assert "Chrome" in context["agent"]
    ids = [event["context"]["event_id"] for event in events]
    assert len(ids) == len(set(ids))


def test_closing_a_page_is_logged_once(browser, site):
    """Events that the next page sends again are duplicates in any process."""
    with browser.page(f"{site.url}/page") as page:
        page.wait_for("!!window.eventtracking && document.readyState === 'complete'")
        for _ in range(3):
            page.call("Page.navigate", url=f"{site.url}/page?again")
            page.wait_for("!!window.eventtracking && document.readyState === 'complete'")
        page.wait_for("Object.keys(localStorage).every((key) => !key.includes(':event:'))")
    events = site.events()
    closed = [event for event in events if event["name"] == "page_close"]

    assert len(closed) >= 3
    assert all(event["data"]["visible_ms"] >= 0 for event in closed)
    ids = [event["context"]["event_id"] for event in events]
    assert len(ids) == len(set(ids))


def test_events_of_the_legacy_logger_are_logged(browser, site):
    """With `Logger.log`, as in pages of Open edX."""
    with browser.page(f"{site.url}/page") as page:
        page.wait_for("!!window.Logger")
        page.evaluate("Logger.log('problem_check', 'input_1=2').then(() => 1)")
        page.evaluate("Logger.log('seq_next', {old: 1, new: 2}).then(() => 1)")
    checked, went = [
        event for event in site.events() if event["name"] in ("problem_check", "seq_next")
    ]

    assert (checked["data"], went["data"]) == ("input_1=2", {"old": 1, "new": 2})
    assert went["context"]["event_source"] == "browser"
