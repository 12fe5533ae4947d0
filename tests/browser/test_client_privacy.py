"""Privacy: opting out, consent, and the privacy signals of browsers."""

import json
import re

import pytest
from page_scripts import NO_STORAGE, READY, RECORD_FETCHES, privacy_signals

STORED_KEYS = "Object.keys(localStorage).sort().join()"

# The keys that remain after a visitor has opted out.
OPTED_OUT = "eventtracking:/event:generation,eventtracking:choice"

IDS = {"session_id": "on", "anonymous_id": "on"}


def test_only_the_queue_is_stored_by_default(browser, site):
    """No cookie, and no id of the visitor."""
    with browser.page(site.add_page(page_views="on")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        cookies = page.cookies()
        stored = page.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)]")

    assert cookies == []
    assert stored == [["eventtracking:/event:generation"], []]
    assert [event["context"] for event in site.events.values()] == [{}, {}]


def test_session_and_anonymous_ids_are_in_each_event_if_enabled(browser, site):
    """The anonymous id is the same on later pages and in other tabs, the session id in its tab."""
    url = site.add_page(**IDS)
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        page.navigate(url)
        page.evaluate("eventtracking.emit('b')")
        other = page.open_tab(url)
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('c')")
        cookies = page.cookies()

    a, b, c = [event["context"]["eventtracking"] for event in site.events.values()]
    assert a == b
    assert a["anonymous_id"] == c["anonymous_id"]
    assert a["session_id"] != c["session_id"]
    assert all(re.fullmatch("[0-9a-f-]{36}", each) for each in a.values())
    assert cookies == []


def test_a_session_ends_after_half_an_hour_without_events(browser, site):
    """A session with events may be longer."""
    clock = "window.offset = 0; const now = Date.now; Date.now = () => now() + window.offset;"
    with browser.page(site.add_page(session_id="on"), preload=clock) as page:
        page.wait_for(READY)
        for minutes in (0, 20, 40, 71):
            page.evaluate(f"window.offset = {minutes * 60_000}, eventtracking.emit('a')")

    ids = [event["context"]["eventtracking"]["session_id"] for event in site.events.values()]
    assert ids[0] == ids[1] == ids[2] != ids[3]


def test_opting_out_holds_on_later_pages_and_in_other_tabs(browser, site):
    """Until the visitor opts in again. The queue and the ids are removed."""
    url = site.add_page(batch_seconds="1000", page_views="on", page_close="on", **IDS)
    with browser.page(url) as page:
        page.wait_for(READY)
        other = page.open_tab(url)
        other.wait_for(READY)
        page.evaluate("""(() => {
          window.dropped = [];
          eventtracking.on('dropped', ({ name }, { reason }) => dropped.push([name, reason]));
          eventtracking.emit('before');
          eventtracking.optOut();
          eventtracking.emit('after');
        })()""")
        dropped = page.evaluate("dropped")
        # Other tabs see the writes of a tab a little later.
        other.wait_for("localStorage['eventtracking:choice'] === 'out'")
        in_other_tab = other.evaluate("eventtracking.emit('other')")
        other.evaluate("eventtracking.flush()")
        page.navigate(url)
        on_later_page = page.evaluate("eventtracking.emit('later')")
        page.evaluate("eventtracking.flush()")
        page.wait_for(f"{STORED_KEYS} === {json.dumps(OPTED_OUT)}")
        requests = len(site.requests)
        page.evaluate("eventtracking.optIn(), eventtracking.emit('again'), eventtracking.flush()")
        names = site.names()

    assert {("before", "opt_out"), ("after", "opt_out")} <= {tuple(each) for each in dropped}
    assert in_other_tab["reason"] == on_later_page["reason"] == "opt_out"
    assert requests == 0
    assert names == ["page_view", "again"]


def test_other_tabs_learn_of_opting_out_at_once(browser, site):
    """They remove their queues and sessions before anything is sent."""
    url = site.add_page(batch_seconds="1000", **IDS)
    with browser.page(url) as page:
        page.wait_for(READY)
        other = page.open_tab(url)
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('a').then((result) => window.result = result), 1")
        page.evaluate("eventtracking.optOut()")
        other.wait_for("!!window.result")
        reason, session_items = other.evaluate("[result.reason, sessionStorage.length]")
        other.wait_for(f"{STORED_KEYS} === {json.dumps(OPTED_OUT)}")

    assert (reason, session_items) == ("opt_out", 0)
    assert site.requests == []


def test_each_tab_removes_the_ids_itself(browser, site):
    """The tab in which the visitor opted out may not see the latest writes of another tab."""
    with browser.page(site.add_page(batch_seconds="1000", **IDS)) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          eventtracking.emit('a');
          localStorage["eventtracking:choice"] = "out";
          dispatchEvent(new StorageEvent("storage", { key: "eventtracking:choice" }));
        })()""")
        stored = page.evaluate(f"[{STORED_KEYS}, sessionStorage.length]")

    assert stored == [OPTED_OUT, 0]


def test_nothing_is_tracked_before_consent_with_start_denied(browser, site):
    """Consent causes the first page view."""
    url = site.add_page(start="denied", page_views="on")
    with browser.page(url) as page:
        page.wait_for(READY)
        before = page.evaluate("eventtracking.emit('before')")
        page.evaluate("eventtracking.optIn(), eventtracking.flush()")
        page.navigate(url)
        page.evaluate("eventtracking.emit('later')")

    assert before == {"id": before["id"], "status": "dropped", "reason": "opt_out"}
    assert site.names() == ["page_view", "page_view", "later"]


def test_without_storage_opting_out_holds_for_the_page(browser, site):
    """It could only last longer with a cookie."""
    with browser.page(site.add_page(), preload=NO_STORAGE) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.optOut()")
        opted_out = page.evaluate("eventtracking.emit('a')")
        page.evaluate("eventtracking.optIn()")
        opted_in = page.evaluate("eventtracking.emit('b')")

    assert (opted_out["reason"], opted_in["status"]) == ("opt_out", "accepted")
    assert site.names() == ["b"]


MATRIX = [
    # The options, the signals of the browser, and the outcome.
    ({}, {}, "all"),
    ({}, {"gpc": True}, "anonymous"),
    ({}, {"dnt": True}, "all"),
    ({}, {"gpc": True, "dnt": True}, "anonymous"),
    ({"gpc": "off"}, {"gpc": True}, "all"),
    ({"gpc": "off"}, {"gpc": True, "dnt": True}, "all"),
    ({"gpc": "drop"}, {"gpc": True}, "gpc"),
    ({"gpc": "drop"}, {"dnt": True}, "all"),
    ({"dnt": "anonymous"}, {"dnt": True}, "anonymous"),
    ({"dnt": "anonymous"}, {}, "all"),
    ({"dnt": "drop"}, {"dnt": True}, "dnt"),
    ({"dnt": "drop"}, {"gpc": True}, "anonymous"),
    ({"gpc": "off", "dnt": "drop"}, {"gpc": True, "dnt": True}, "dnt"),
    ({"gpc": "drop", "dnt": "drop"}, {"gpc": True, "dnt": True}, "gpc"),
]


@pytest.mark.parametrize(("options", "signals", "outcome"), MATRIX)
def test_privacy_control_and_do_not_track_are_two_options(browser, site, options, signals, outcome):
    """By default, visitors with Global Privacy Control are anonymous: no cookies and no ids."""
    url = site.add_page(**IDS, **options)
    with browser.page(url, preload=RECORD_FETCHES + privacy_signals(**signals)) as page:
        page.wait_for(READY)
        page.evaluate("document.cookie = 'session=1'")
        result = page.evaluate("eventtracking.emit('a')")

    cookies = [request.headers.get("Cookie") for request in site.requests]
    ids = [sorted(event["context"].get("eventtracking", {})) for event in site.events.values()]
    expected = {
        "all": ("accepted", None, ["session=1"], [["anonymous_id", "session_id"]]),
        "anonymous": ("accepted", None, [None], [[]]),
    }
    actual = (result["status"], result.get("reason"), cookies, ids)
    assert actual == expected.get(outcome, ("dropped", outcome, [], []))


def test_an_unknown_mode_is_reported_and_replaced_by_the_default(browser, site):
    """A typing error must not count as consent."""
    with browser.page(site.add_page(gpc="none"), preload=privacy_signals(gpc=True)) as page:
        page.wait_for(READY)
        page.evaluate("document.cookie = 'session=1', eventtracking.emit('a')")

    assert page.console == [
        ("error", "eventtracking: data-gpc must be off, anonymous or drop, got none")
    ]
    assert site.requests[0].headers.get("Cookie") is None
