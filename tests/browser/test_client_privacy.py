"""Nobody is told of who does not want it, and nobody is known who need not be."""

import json
import re

import pytest
from page_scripts import NO_STORAGE, READY, SEES_FETCHES, signals

# What is left of a visitor who chose to be left alone.
STORED = "Object.keys(localStorage).sort().join()"
LEFT = "eventtracking:/event:mark,eventtracking:choice"

IDS = {"session_id": "on", "anonymous_id": "on"}


def test_nothing_is_stored_but_the_queue_unless_asked_for(browser, site):
    """No cookie, and no id of a visitor."""
    with browser.page(site.page(page_views="on")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        cookies = page.cookies()
        stored = page.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)]")

    assert cookies == []
    assert stored == [["eventtracking:/event:mark"], []]
    assert [event["context"] for event in site.events.values()] == [{}, {}]


def test_ids_of_visit_and_visitor_come_with_each_event_where_asked_for(browser, site):
    """The visitor stays the same on later pages, and the visit in its tab."""
    url = site.page(**IDS)
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        page.go(url)
        page.evaluate("eventtracking.emit('b')")
        other = page.beside(url)
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('c')")
        cookies = page.cookies()

    a, b, c = [event["context"]["eventtracking"] for event in site.events.values()]
    assert a == b
    assert a["anonymous_id"] == c["anonymous_id"]
    assert a["session_id"] != c["session_id"]
    assert all(re.fullmatch("[0-9a-f-]{36}", each) for each in a.values())
    assert cookies == []


def test_a_visit_ends_after_half_an_hour_of_silence(browser, site):
    """Half an hour of doing things is one visit."""
    clock = "window.jump = 0; const now = Date.now; Date.now = () => now() + window.jump;"
    with browser.page(site.page(session_id="on"), first=clock) as page:
        page.wait_for(READY)
        for minutes in (0, 20, 40, 71):
            page.evaluate(f"window.jump = {minutes * 60_000}, eventtracking.emit('a')")

    ids = [event["context"]["eventtracking"]["session_id"] for event in site.events.values()]
    assert ids[0] == ids[1] == ids[2] != ids[3]


def test_a_choice_to_be_left_alone_holds_on_later_pages_and_in_other_tabs(browser, site):
    """Until the visitor chooses otherwise; what waited is forgotten, and the ids are."""
    url = site.page(batch_seconds="1000", page_views="on", page_close="on", **IDS)
    with browser.page(url) as page:
        page.wait_for(READY)
        other = page.beside(url)
        other.wait_for(READY)
        page.evaluate("""(() => {
          window.lost = [];
          eventtracking.on('dropped', ({ name }, { reason }) => lost.push([name, reason]));
          eventtracking.emit('before');
          eventtracking.optOut();
          eventtracking.emit('after');
        })()""")
        lost = page.evaluate("lost")
        # What a tab writes is seen by the others a little later.
        other.wait_for("localStorage['eventtracking:choice'] === 'out'")
        elsewhere = other.evaluate("eventtracking.emit('other')")
        other.evaluate("eventtracking.flush()")
        page.go(url)
        later = page.evaluate("eventtracking.emit('later')")
        page.evaluate("eventtracking.flush()")
        page.wait_for(f"{STORED} === {json.dumps(LEFT)}")
        seen = len(site.requests)
        page.evaluate("eventtracking.optIn(), eventtracking.emit('again'), eventtracking.flush()")
        names = site.names()

    assert {("before", "opt_out"), ("after", "opt_out")} <= {tuple(each) for each in lost}
    assert elsewhere["reason"] == later["reason"] == "opt_out"
    assert seen == 0
    assert names == ["page_view", "again"]


def test_a_choice_to_be_left_alone_is_heard_by_the_other_tabs_at_once(browser, site):
    """What waits there and the visit there are forgotten too, before anything is sent."""
    url = site.page(batch_seconds="1000", **IDS)
    with browser.page(url) as page:
        page.wait_for(READY)
        other = page.beside(url)
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('a').then((result) => window.result = result), 1")
        page.evaluate("eventtracking.optOut()")
        other.wait_for("!!window.result")
        reason, visits = other.evaluate("[result.reason, sessionStorage.length]")
        other.wait_for(f"{STORED} === {json.dumps(LEFT)}")

    assert (reason, visits) == ("opt_out", 0)
    assert site.requests == []


def test_each_tab_forgets_the_visitor_for_itself(browser, site):
    """The one in which the visitor chose may not see yet what this one wrote."""
    with browser.page(site.page(batch_seconds="1000", **IDS)) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          eventtracking.emit('a');
          localStorage["eventtracking:choice"] = "out";
          dispatchEvent(new StorageEvent("storage", { key: "eventtracking:choice" }));
        })()""")
        stored = page.evaluate(f"[{STORED}, sessionStorage.length]")

    assert stored == [LEFT, 0]


def test_nothing_is_told_before_consent_where_that_is_asked_for(browser, site):
    """Page views begin with it."""
    url = site.page(start="denied", page_views="on")
    with browser.page(url) as page:
        page.wait_for(READY)
        before = page.evaluate("eventtracking.emit('before')")
        page.evaluate("eventtracking.optIn(), eventtracking.flush()")
        page.go(url)
        page.evaluate("eventtracking.emit('later')")

    assert before == {"id": before["id"], "status": "dropped", "reason": "opt_out"}
    assert site.names() == ["page_view", "page_view", "later"]


def test_a_choice_holds_for_the_page_at_least_where_storage_is_refused(browser, site):
    """More a page cannot do there without a cookie."""
    with browser.page(site.page(), first=NO_STORAGE) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.optOut()")
        out = page.evaluate("eventtracking.emit('a')")
        page.evaluate("eventtracking.optIn()")
        back = page.evaluate("eventtracking.emit('b')")

    assert (out["reason"], back["status"]) == ("opt_out", "accepted")
    assert site.names() == ["b"]


MATRIX = [
    # options, what the visitor signals, and what is told of them
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


@pytest.mark.parametrize(("options", "visitor", "told"), MATRIX)
def test_privacy_control_and_do_not_track_are_two_options(browser, site, options, visitor, told):
    """The first is honoured by default: its visitors are nobody, without cookies and ids."""
    url = site.page(**IDS, **options)
    with browser.page(url, first=SEES_FETCHES + signals(**visitor)) as page:
        page.wait_for(READY)
        page.evaluate("document.cookie = 'session=1'")
        result = page.evaluate("eventtracking.emit('a')")

    cookies = [request.headers.get("Cookie") for request in site.requests]
    ids = [sorted(event["context"].get("eventtracking", {})) for event in site.events.values()]
    expected = {
        "all": ("accepted", None, ["session=1"], [["anonymous_id", "session_id"]]),
        "anonymous": ("accepted", None, [None], [[]]),
    }
    found = (result["status"], result.get("reason"), cookies, ids)
    assert found == expected.get(told, ("dropped", told, [], []))


def test_a_word_that_is_no_mode_is_told_and_the_default_holds(browser, site):
    """A mistyped option must not be taken for consent."""
    with browser.page(site.page(gpc="none"), first=signals(gpc=True)) as page:
        page.wait_for(READY)
        page.evaluate("document.cookie = 'session=1', eventtracking.emit('a')")

    assert page.said == [
        ("error", "eventtracking: data-gpc must be off, anonymous or drop, got none")
    ]
    assert site.requests[0].headers.get("Cookie") is None
