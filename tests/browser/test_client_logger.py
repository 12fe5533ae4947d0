"""Pages that were written for the older logger work unchanged, and need no jQuery."""

import pytest
from page_scripts import READY, SEES_BEACONS, SEES_FETCHES


def test_old_calls_become_events(browser, site):
    """Data of any kind, or none; with an element or without."""
    with browser.page(site.page(body="<p id=one>One")) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          Logger.log("dict", { id: 1 });
          Logger.log("text", "data");
          Logger.log("list", [1, 2]);
          Logger.log("nothing");
          Logger.log("null", null);
          Logger.log("element", {}, document.querySelector("#one"));
          log_event("short", { id: 2 });
        })()""")
        site.wait_for("short")

    found = {event["name"]: event["data"] for event in site.events.values()}
    assert found == {
        "dict": {"id": 1},
        "text": "data",
        "list": [1, 2],
        "nothing": {},
        "null": None,
        "element": {},
        "short": {"id": 2},
    }


def test_log_event_is_the_same_function(browser, site):
    """Pages use both names."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)

        assert page.evaluate("log_event === Logger.log")


def test_listeners_hear_first_and_exactly_what_they_listen_to(browser, site):
    """The name and the element; without an element only events without one."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        heard = page.evaluate("""(() => {
          const heard = [];
          const note = (who) => (...args) => heard.push([who, ...args]);
          Logger.listen("a", null, note("any"));
          Logger.listen("a", "x", note("x"));
          Logger.listen("a", "x", note("x too"));
          Logger.listen("a", undefined, note("undefined"));
          Logger.listen("b", null, note("b"));
          Logger.log("a", { n: 1 });
          Logger.log("a", { n: 2 }, "x");
          Logger.log("a", { n: 3 }, "y");
          heard.push("after");
          return heard;
        })()""")

    assert heard == [
        ["any", "a", {"n": 1}, None],
        ["undefined", "a", {"n": 1}, None],
        ["x", "a", {"n": 2}, "x"],
        ["x too", "a", {"n": 2}, "x"],
        "after",
    ]


def test_a_listener_that_throws_stops_nobody(browser, site):
    """The error is on the console, the event on its way, the next listener called."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.heard = 0;
          Logger.listen("a", null, () => { throw new Error("listener"); });
          Logger.listen("a", null, () => { heard += 1; });
          Logger.log("a");
        })()""")
        site.wait_for("a")
        heard = page.evaluate("heard")

    assert heard == 1
    assert [kind for kind, text in page.said if "listener" in text] == ["error"]


def test_a_promise_comes_back_with_the_methods_of_jquery(browser, site):
    """Who asks for the answer has it at once, not with the next batch."""
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        calls = page.evaluate("""new Promise((resolve) => {
          const calls = [];
          const answer = Logger.log("a");
          const chained = answer.done((result) => calls.push(["done", result.status]))
            .fail(() => calls.push(["fail"]))
            .always((result) => { calls.push(["always", result.status]); resolve(calls); });
          calls.push(answer instanceof Promise, chained === answer);
        })""")
        awaited = page.evaluate("Logger.log('b').then((result) => result.status)")

    assert calls == [True, True, ["done", "accepted"], ["always", "accepted"]]
    assert awaited == "accepted"


def test_who_waits_for_the_answer_is_not_kept_waiting_by_a_bad_network(browser, site):
    """The event is queued, and a page that wants to go on may."""
    site.answers.append((503, {}, b""))
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        status = page.evaluate(
            "new Promise((resolve) => Logger.log('a').always((it) => resolve(it.status)))"
        )
        site.wait_for("a")

    assert status == "queued"


def test_data_that_is_no_json_throws_as_ever(browser, site):
    """After the listeners were called."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        found = page.evaluate("""(() => {
          let heard = 0;
          Logger.listen("ring", null, () => { heard += 1; });
          const ring = {};
          ring.ring = ring;
          try { Logger.log("ring", ring); } catch (error) { return [heard, error.name]; }
        })()""")

    assert found == [1, "TypeError"]


def test_a_synchronous_call_goes_at_once(browser, site):
    """It needs not block the page: the event is kept even if the page is left."""
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("Logger.log('a', {}, null, { async: false }), 1")
        site.wait_for("a")


def test_a_call_to_elsewhere_has_the_old_form(browser, site):
    """What it asks for is a request of its own."""
    with browser.page(site.page("/here")) as page:
        page.wait_for(READY)
        answer = page.evaluate("Logger.log('a', { n: 1 }, null, { url: '/event?other' })")
        page.evaluate("Logger.log('b', undefined, null, { type: 'GET' })")
        site.answers.append((500, {}, b""))
        failed = page.evaluate(
            "new Promise((resolve) => Logger.log('c', {}, null, { type: 'post' })"
            ".done(() => resolve('done')).fail((error) => resolve(error.message)))"
        )

    first, second, _ = site.requests
    assert answer == "success"
    assert (first.method, first.path) == ("POST", "/event?other")
    assert first.form == {"event_type": "a", "event": '{"n":1}', "page": f"{site.url}/here"}
    assert (second.method, second.form) == ("GET", {"event_type": "b", "page": f"{site.url}/here"})
    assert failed == f"{site.url}/event answered 500"


@pytest.mark.parametrize("url", ["", "url: '/event',"], ids=["queued", "of_its_own"])
def test_the_callbacks_of_a_request_are_called(browser, site, url):
    """As `done`, `fail` and `always` call them, and the event goes at once."""
    options = f"{url} success: note('success'), error: note('error'), complete: note('complete')"
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("window.heard = [], window.note = (how) => () => { heard.push(how); }, 1")
        page.evaluate(f"Logger.log('a', {{}}, null, {{ {options} }})")
        page.wait_for("heard.length === 2")
        heard = page.evaluate("heard")

    assert heard == ["success", "complete"]


def test_the_callbacks_hear_of_a_failure(browser, site):
    """Of a request of its own; what is queued does not fail."""
    site.answers.append((500, {}, b""))
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.heard = [];
          const error = ({ message }) => { heard.push(message); };
          Logger.log("a", {}, null, { url: "/event", error, complete: error });
        })()""")
        page.wait_for("heard.length === 2")
        heard = page.evaluate("heard")

    assert heard == [f"{site.url}/event answered 500"] * 2


def test_a_request_of_its_own_outlives_the_page(browser, site):
    """Unless so much is under way that browsers may refuse it."""
    log = "(length) => Logger.log('a', 'x'.repeat(length), null, { url: '/event' })"
    with browser.page(site.page(), first=SEES_FETCHES) as page:
        page.wait_for(READY)
        page.evaluate(f"Promise.all([1000, 16000, 0].map({log}))")
        together = page.evaluate("fetches.map((fetch) => fetch.keepalive)")
        page.evaluate(f"({log})(16000)")
        alone = page.evaluate("fetches[3].keepalive")

    assert together == [True, False, True]
    assert alone


def test_bind_tells_of_the_end_of_the_page_and_clobbers_no_handler(browser, site):
    """By a beacon: what blocked the page once is refused by browsers now."""
    site.page("/next")
    with browser.page(site.page(), first=SEES_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("window.onunload = window.mine = () => {}, Logger.bind()")
        kept = page.evaluate("window.onunload === window.mine")
        page.go(f"{site.url}/next")
        [event] = site.wait_for("page_close")

    assert kept
    assert list(event["data"]) == ["visible_ms"]
