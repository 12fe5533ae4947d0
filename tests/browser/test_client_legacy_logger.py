"""The legacy Logger: Open edX pages work unchanged, without jQuery."""

import pytest
from page_scripts import READY, RECORD_BEACONS, RECORD_FETCHES


def test_legacy_calls_become_events(browser, site):
    """With any data or none, and with or without an element."""
    with browser.page(site.add_page(body="<p id=one>One")) as page:
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

    data = {event["name"]: event["data"] for event in site.events.values()}
    assert data == {
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
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)

        assert page.evaluate("log_event === Logger.log")


def test_listeners_are_called_first_and_only_for_their_name_and_element(browser, site):
    """A listener without an element is called only for events without one."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        calls = page.evaluate("""(() => {
          const calls = [];
          const record = (label) => (...args) => calls.push([label, ...args]);
          Logger.listen("a", null, record("any"));
          Logger.listen("a", "x", record("x"));
          Logger.listen("a", "x", record("x too"));
          Logger.listen("a", undefined, record("undefined"));
          Logger.listen("b", null, record("b"));
          Logger.log("a", { n: 1 });
          Logger.log("a", { n: 2 }, "x");
          Logger.log("a", { n: 3 }, "y");
          calls.push("after");
          return calls;
        })()""")

    assert calls == [
        ["any", "a", {"n": 1}, None],
        ["undefined", "a", {"n": 1}, None],
        ["x", "a", {"n": 2}, "x"],
        ["x too", "a", {"n": 2}, "x"],
        "after",
    ]


def test_a_listener_that_throws_does_no_harm(browser, site):
    """The error is on the console, the next listener is called, and the event is sent."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.calls = 0;
          Logger.listen("a", null, () => { throw new Error("listener"); });
          Logger.listen("a", null, () => { calls += 1; });
          Logger.log("a");
        })()""")
        site.wait_for("a")
        calls = page.evaluate("calls")

    assert calls == 1
    assert [level for level, text in page.console if "listener" in text] == ["error"]


def test_log_returns_a_promise_with_the_methods_of_jquery(browser, site):
    """A caller that asks for the result gets it at once, not with the next batch."""
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        calls = page.evaluate("""new Promise((resolve) => {
          const calls = [];
          const promise = Logger.log("a");
          const chained = promise.done((result) => calls.push(["done", result.status]))
            .fail(() => calls.push(["fail"]))
            .always((result) => { calls.push(["always", result.status]); resolve(calls); });
          calls.push(promise instanceof Promise, chained === promise);
        })""")
        awaited = page.evaluate("Logger.log('b').then((result) => result.status)")

    assert calls == [True, True, ["done", "accepted"], ["always", "accepted"]]
    assert awaited == "accepted"


def test_a_caller_does_not_wait_for_the_network_to_recover(browser, site):
    """After one failed attempt, the result is `queued`."""
    site.responses.append((503, {}, b""))
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        status = page.evaluate(
            "new Promise((resolve) => Logger.log('a').always(({ status }) => resolve(status)))"
        )
        site.wait_for("a")

    assert status == "queued"


def test_log_throws_if_the_data_cannot_be_written_as_json(browser, site):
    """After calling the listeners, as Open edX's Logger does."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        outcome = page.evaluate("""(() => {
          let calls = 0;
          Logger.listen("ring", null, () => { calls += 1; });
          const ring = {};
          ring.ring = ring;
          try { Logger.log("ring", ring); } catch (error) { return [calls, error.name]; }
        })()""")

    assert outcome == [1, "TypeError"]


def test_a_synchronous_call_sends_the_event_at_once(browser, site):
    """Without blocking the page: the event stays queued even if the page is left."""
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("Logger.log('a', {}, null, { async: false }), 1")
        site.wait_for("a")


def test_a_call_with_its_own_url_or_method_sends_a_legacy_form(browser, site):
    """In a separate request, without the queue."""
    with browser.page(site.add_page("/here")) as page:
        page.wait_for(READY)
        result = page.evaluate("Logger.log('a', { n: 1 }, null, { url: '/event?other' })")
        page.evaluate("Logger.log('b', undefined, null, { type: 'GET' })")
        site.responses.append((500, {}, b""))
        failed = page.evaluate(
            "new Promise((resolve) => Logger.log('c', {}, null, { type: 'post' })"
            ".done(() => resolve('done')).fail((error) => resolve(error.message)))"
        )

    first, second, _ = site.requests
    assert result == "success"
    assert (first.method, first.path) == ("POST", "/event?other")
    assert first.form == {"event_type": "a", "event": '{"n":1}', "page": f"{site.url}/here"}
    assert (second.method, second.form) == ("GET", {"event_type": "b", "page": f"{site.url}/here"})
    assert failed == f"{site.url}/event answered 500"


@pytest.mark.parametrize("url", ["", "url: '/event',"], ids=["queued", "separate"])
def test_the_callbacks_among_the_options_are_called(browser, site, url):
    """As with `done`, `fail` and `always`, and the event is sent at once."""
    callbacks = ", ".join(f"{name}: record('{name}')" for name in ("success", "error", "complete"))
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("window.calls = [], window.record = (name) => () => { calls.push(name); }, 1")
        page.evaluate(f"Logger.log('a', {{}}, null, {{ {url} {callbacks} }})")
        page.wait_for("calls.length === 2")
        calls = page.evaluate("calls")

    assert calls == ["success", "complete"]


def test_the_callbacks_receive_the_error_of_a_separate_request(browser, site):
    """Queued events do not fail."""
    site.responses.append((500, {}, b""))
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.messages = [];
          const error = ({ message }) => { messages.push(message); };
          Logger.log("a", {}, null, { url: "/event", error, complete: error });
        })()""")
        page.wait_for("messages.length === 2")
        messages = page.evaluate("messages")

    assert messages == [f"{site.url}/event answered 500"] * 2


def test_a_separate_request_uses_keepalive(browser, site):
    """Unless so many bytes are in flight that the browser may refuse it."""
    log = "(length) => Logger.log('a', 'x'.repeat(length), null, { url: '/event' })"
    with browser.page(site.add_page(), preload=RECORD_FETCHES) as page:
        page.wait_for(READY)
        page.evaluate(f"Promise.all([1000, 16000, 0].map({log}))")
        together = page.evaluate("fetches.map((fetch) => fetch.keepalive)")
        page.evaluate(f"({log})(16000)")
        alone = page.evaluate("fetches[3].keepalive")

    assert together == [True, False, True]
    assert alone


def test_bind_reports_the_end_of_the_page_and_replaces_no_handler(browser, site):
    """By a beacon, because browsers now refuse synchronous requests when a page ends."""
    site.add_page("/next")
    with browser.page(site.add_page(), preload=RECORD_BEACONS) as page:
        page.wait_for(READY)
        page.evaluate("window.onunload = window.mine = () => {}, Logger.bind()")
        is_unchanged = page.evaluate("window.onunload === window.mine")
        page.navigate(f"{site.url}/next")
        [event] = site.wait_for("page_close")

    assert is_unchanged
    assert list(event["data"]) == ["visible_ms"]
