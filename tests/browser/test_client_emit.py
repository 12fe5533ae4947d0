"""Emitting: events arrive in batches, with an id, a time, the page and its context."""

import json
import re

import pytest
from page_scripts import NO_RANDOM_UUID, READY, RECORD_FETCHES, STORED_COUNT

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

REFUSE_KEEPALIVE = """
const fetchAnyway = window.fetch;
window.fetch = (url, options) =>
  fetchAnyway(url, options).then((response) => {
    if (options.keepalive) throw new TypeError("Failed to fetch");
    return response;
  });
"""


def test_an_event_arrives_with_an_id_its_time_the_page_and_the_context(browser, site):
    """The batch has the format that the collector expects."""
    url = site.add_page("/lesson")
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.context('course', { id: 'c1' })")
        result = page.evaluate("eventtracking.emit('video.played', { seconds: 3 })")
        [event] = site.wait_for("video.played")
        [batch] = [request.batch for request in site.requests]

    iso = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(iso, event.pop("time"))
    assert re.fullmatch(iso, batch["sent_at"])
    assert result == {"id": event["id"], "status": "accepted"}
    assert re.fullmatch(UUID, event["id"])
    assert event == {
        "id": event["id"],
        "name": "video.played",
        "data": {"seconds": 3},
        "page": url,
        "context": {"course": {"id": "c1"}},
    }
    assert set(batch) == {"sent_at", "events"}


def test_tracker_is_another_name_for_the_client(browser, site):
    """`Tracker.emit` in the page resembles `tracker.emit` on the server."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        result = page.evaluate("Tracker.emit('a')")

    assert result["status"] == "accepted"
    assert [event["data"] for event in site.events.values()] == [{}]


def test_an_event_has_the_context_of_the_moment_it_was_emitted(browser, site):
    """Later changes do not affect queued events, and a context can be removed."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          const unit = { id: 1 };
          eventtracking.context('unit', unit);
          eventtracking.emit('first');
          unit.id = 2;
          eventtracking.emit('second');
          eventtracking.context('unit', null);
          eventtracking.emit('third');
        })()""")
        events = site.wait_for("first", "second", "third")

    assert [event["context"] for event in events] == [{"unit": {"id": 1}}, {"unit": {"id": 2}}, {}]


def test_a_batch_is_sent_when_it_has_enough_events(browser, site):
    """The number is an option."""
    url = site.add_page(batch_events="3", batch_seconds="1000")
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 6; i++) eventtracking.emit('e' + i); 1")
        site.wait_for("e5")

    assert [len(request.batch["events"]) for request in site.requests] == [3, 3]


def test_a_batch_is_sent_when_it_has_enough_bytes(browser, site):
    """It stays below the limit, and is sent at once when the limit is reached."""
    url = site.add_page(batch_bytes="4000", batch_seconds="1000")
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 9; i++) eventtracking.emit('e', 'é'.repeat(400)); 1")
        page.evaluate("eventtracking.flush()")

    assert len(site.events) == 9
    assert len(site.requests) > 1
    assert max(len(request.body) for request in site.requests) < 4100


def test_a_batch_is_sent_after_a_delay(browser, site):
    """The page does not have to call `flush`."""
    with browser.page(site.add_page(batch_seconds="0.2")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'); eventtracking.emit('b'); 1")
        site.wait_for("a", "b")

    assert [len(request.batch["events"]) for request in site.requests] == [2]


def test_flush_sends_now_and_returns_the_number_of_queued_events(browser, site):
    """Zero once all events are confirmed, more if the server fails."""
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        confirmed = page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        site.responses.append((503, {}, b""))
        failed = page.evaluate("eventtracking.emit('b'), eventtracking.flush()")

    assert (confirmed, failed) == (0, 1)


def test_small_requests_use_keepalive_and_large_ones_do_not(browser, site):
    """Browsers allow 64 KiB of requests that outlive a page, and refuse more."""
    url = site.add_page(batch_bytes="200000", batch_events="2", batch_seconds="1000")
    with browser.page(url, preload=RECORD_FETCHES) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('small'), eventtracking.flush()")
        page.evaluate("eventtracking.emit('large', 'x'.repeat(70000)), eventtracking.flush()")
        fetches = page.evaluate("fetches")

    assert [fetch["keepalive"] for fetch in fetches] == [True, False]
    assert all(fetch["bytes"] <= 61_440 for fetch in fetches if fetch["keepalive"])
    assert site.names() == ["small", "large"]


def test_a_keepalive_budget_used_up_by_other_scripts_loses_no_event(browser, site):
    """If the browser refuses the request, it is sent again without keepalive."""
    url = site.add_page(batch_seconds="1000")
    preload = f"{RECORD_FETCHES} {REFUSE_KEEPALIVE}"
    site.responses.append((500, {}, b""))
    with browser.page(url, preload=preload) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        page.wait_for("fetches.length > 1")
        site.wait_for("a")
        fetches = page.evaluate("fetches")

    assert [fetch["keepalive"] for fetch in fetches][:2] == [True, False]


def test_listeners_are_called_for_sent_and_dropped_events(browser, site):
    """With the event and its result."""
    site.refuse = lambda event: "bad_name" if event["name"] == "bad" else None
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.calls = [];
          for (const type of ["sent", "dropped"]) {
            eventtracking.on(type, (event, result) =>
              calls.push([type, event.name, result.status, result.reason]));
            eventtracking.on(type, () => { throw new Error("a bad listener"); });
          }
        })()""")
        result = page.evaluate(
            "eventtracking.emit('good'), eventtracking.emit('bad').then((result) => result)"
        )
        calls = page.evaluate("calls")

    assert calls == [["sent", "good", "accepted", None], ["dropped", "bad", "refused", "bad_name"]]
    assert (result["status"], result["reason"]) == ("refused", "bad_name")
    assert [text for level, text in page.console if level == "warning"] == [
        "eventtracking: /event refused an event: bad_name"
    ]


def test_an_unknown_listener_type_is_reported_and_does_not_throw(browser, site):
    """A typing error must not stop the page."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.on('other', () => {}), eventtracking.on('toString'), 1")
        page.evaluate("eventtracking.emit('a')")

    assert page.console == [
        ("error", f'eventtracking: on() type must be "sent" or "dropped", got {name}')
        for name in ("other", "toString")
    ]


def test_data_that_cannot_be_written_as_json_is_dropped_and_counted(browser, site):
    """`emit` does not throw, so a mistake does not stop the page."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        result = page.evaluate("window.ring = {}, ring.ring = ring, eventtracking.emit('r', ring)")
        page.evaluate("eventtracking.emit('next')")
        [event] = site.wait_for("next")

    assert result == {"status": "dropped", "reason": "unserializable"}
    assert event["context"] == {"eventtracking": {"dropped": 1}}


def test_emit_never_throws(browser, site):
    """Even if serializing the data throws null, or the name cannot become a string."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("window.bad = { toJSON() { throw null; } }, 1")
        reasons = page.evaluate(
            "Promise.all(['a', Symbol('b'), Object.create(null)].map("
            "(name) => eventtracking.emit(name, bad).then((result) => result.reason)))"
        )

    assert reasons == ["unserializable"] * 3


@pytest.mark.parametrize("name", ["", "null", "''", "0"])
def test_an_event_without_a_name_is_called_unknown(browser, site, name):
    """The same name as on the server, for every function of the client."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate(f"eventtracking.emit({name})")
        page.evaluate(f"Logger.log({name})")
        page.evaluate(f"Logger.log({name or 'undefined'}, {{}}, null, {{ url: '/event' }})")

    [form] = [request.form for request in site.requests if b"event_type" in request.body]
    assert site.names() == ["unknown", "unknown"]
    assert form["event_type"] == "unknown"


def test_debug_prints_what_is_queued_and_sent(browser, site):
    """Without the option, nothing is printed."""
    with browser.page(site.add_page("/debug", debug="on")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        texts = [text for _, text in page.console]
    with browser.page(site.add_page("/quiet")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")

    for label in ("queued", "sending", "accepted"):
        assert any(text.startswith(f"eventtracking: {label}") for text in texts)
    assert page.console == []


def test_two_copies_of_the_script_report_everything_once(browser, site):
    """The second copy does nothing."""
    script = '<script src="/eventtracking.js" data-endpoint="/event" data-page-views="on"></script>'
    with browser.page(site.add_page(scripts=script * 2)) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.flush()")

    assert site.names() == ["page_view"]


def test_globals_of_the_page_are_not_replaced(browser, site):
    """`Tracker` and `Logger` are common names."""
    with browser.page(site.add_page(), preload="window.Logger = window.Tracker = 'mine'") as page:
        page.wait_for(READY)
        values = page.evaluate("[Logger, Tracker, typeof log_event]")

    assert values == ["mine", "mine", "function"]


def test_modules_import_the_same_client(browser, site):
    """The options are read from the script element with `data-endpoint`."""
    code = """
      import tracking, { emit, context } from "/eventtracking.mjs";
      context("m", { n: 1 });
      emit("from.module");
      window.isSame = tracking === eventtracking;
    """
    site.pages["/main.js"] = (code, "text/javascript", ())
    script = '<script type="module" src="/main.js" data-endpoint="/event?m"></script>'
    with browser.page(site.add_page(scripts=script)) as page:
        [event] = site.wait_for("from.module")
        is_same = page.evaluate("isSame")

    assert is_same
    assert event["context"] == {"m": {"n": 1}}
    assert site.requests[0].path == "/event?m"


def test_pages_without_https_get_ids_of_the_same_format(browser, site):
    """Browsers offer `crypto.randomUUID` only over HTTPS."""
    with browser.page(site.add_page(), preload=NO_RANDOM_UUID) as page:
        page.wait_for(READY)
        for _ in range(3):
            page.evaluate("eventtracking.emit('a')")

    assert len(site.events) == 3
    assert all(re.fullmatch(UUID, event_id) for event_id in site.events)


def test_the_client_works_under_a_strict_policy_with_a_nonce(browser, site):
    """It needs no inline code, no eval and no other host."""
    policy = "default-src 'none'; script-src 'nonce-abc'; connect-src 'self'; img-src data:"
    script = (
        '<script nonce="abc" src="/eventtracking.js" data-endpoint="/event"'
        ' data-page-views="on" data-page-close="on" data-batch-seconds="0.05"></script>'
    )
    headers = {"Content-Security-Policy": policy}
    site.add_page("/next")
    with browser.page(site.add_page("/strict", scripts=script, headers=headers)) as page:
        site.wait_for("page_view")
        page.navigate(f"{site.url}/next")
        site.wait_for("page_view", "page_close")

    assert page.errors == []


def test_a_policy_that_blocks_the_endpoint_loses_no_event(browser, site):
    """The next page that may send events sends them."""
    policy = {"Content-Security-Policy": "connect-src 'none'"}
    site.add_page("/allowed")
    with browser.page(site.add_page("/blocked", headers=policy)) as page:
        page.wait_for(READY)
        queued = page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        page.navigate(f"{site.url}/allowed")
        site.wait_for("a")
        page.wait_for(f"{STORED_COUNT} === 0")

    assert queued == 1
    assert max(site.times_received.values()) == 1


def test_unusual_text_arrives_unchanged(browser, site):
    """Including line separators, markup, and names with a meaning in JavaScript."""
    data = {"text": "é \u2028 </script> 😀", "__proto__x": 1, "constructor": None, "n": [1.5, True]}
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate(f"eventtracking.emit('toString', {json.dumps(data)})")
        [event] = site.wait_for("toString")

    assert event["data"] == data
