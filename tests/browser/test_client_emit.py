"""What a page says arrives: with an id, a time, the page and its context, in batches."""

import json
import re

import pytest
from page_scripts import NO_RANDOM_UUID, READY, SEES_FETCHES

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


REFUSES_KEEPALIVE = """
const kept = window.fetch;
window.fetch = (url, options) =>
  kept(url, options).then((answer) => {
    if (options.keepalive) throw new TypeError("Failed to fetch");
    return answer;
  });
"""


def test_an_event_arrives_with_an_id_its_time_the_page_and_the_context(browser, site):
    """The form of a batch is what the collector was promised."""
    url = site.page("/lesson")
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


def test_the_tracker_of_the_page_is_the_same_as_the_servers_by_name(browser, site):
    """`Tracker.emit` reads as `tracker.emit` does on the server."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        result = page.evaluate("Tracker.emit('a')")

    assert result["status"] == "accepted"
    assert [event["data"] for event in site.events.values()] == [{}]


def test_a_context_is_as_it_was_when_the_event_happened_and_can_be_taken_away(browser, site):
    """Events in the queue do not change with the page."""
    with browser.page(site.page()) as page:
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


def test_events_go_together_when_there_are_enough(browser, site):
    """The count of a batch is an option."""
    url = site.page(batch_events="3", batch_seconds="1000")
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 6; i++) eventtracking.emit('e' + i); 1")
        site.wait_for("e5")

    assert [len(request.batch["events"]) for request in site.requests] == [3, 3]


def test_events_go_when_they_are_long_enough(browser, site):
    """A batch stays below its bytes, and is not waited for when that is reached."""
    url = site.page(batch_bytes="4000", batch_seconds="1000")
    with browser.page(url) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 9; i++) eventtracking.emit('e', 'é'.repeat(400)); 1")
        page.evaluate("eventtracking.flush()")

    assert len(site.events) == 9
    assert len(site.requests) > 1
    assert max(len(request.body) for request in site.requests) < 4100


def test_events_go_after_a_while(browser, site):
    """Nobody has to ask for it."""
    with browser.page(site.page(batch_seconds="0.2")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'); eventtracking.emit('b'); 1")
        site.wait_for("a", "b")

    assert [len(request.batch["events"]) for request in site.requests] == [2]


def test_flush_sends_now_and_gives_how_many_still_wait(browser, site):
    """Zero when all is confirmed; more when the server does not answer well."""
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        left = page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        site.answers.append((503, {}, b""))
        still = page.evaluate("eventtracking.emit('b'), eventtracking.flush()")

    assert (left, still) == (0, 1)


def test_small_requests_outlive_the_page_and_large_ones_are_sent_all_the_same(browser, site):
    """Browsers take 64 KiB that outlive a page, and throw over more."""
    url = site.page(batch_bytes="200000", batch_events="2", batch_seconds="1000")
    with browser.page(url, first=SEES_FETCHES) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('small'), eventtracking.flush()")
        page.evaluate("eventtracking.emit('large', 'x'.repeat(70000)), eventtracking.flush()")
        fetches = page.evaluate("fetches")

    assert [fetch["keepalive"] for fetch in fetches] == [True, False]
    assert all(fetch["bytes"] <= 61_440 for fetch in fetches if fetch["keepalive"])
    assert site.names() == ["small", "large"]


def test_a_budget_that_other_scripts_used_up_loses_nothing(browser, site):
    """The browser throws where its 64 KiB are in use: the next try goes without them."""
    url = site.page(batch_seconds="1000")
    refusing = f"{SEES_FETCHES} {REFUSES_KEEPALIVE}"
    site.answers.append((500, {}, b""))
    with browser.page(url, first=refusing) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        page.wait_for("fetches.length > 1")
        site.wait_for("a")
        fetches = page.evaluate("fetches")

    assert [fetch["keepalive"] for fetch in fetches][:2] == [True, False]


def test_listeners_hear_what_was_sent_and_what_was_dropped(browser, site):
    """With the event, and what became of it."""
    site.refuse = lambda event: "bad_name" if event["name"] == "bad" else None
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.heard = [];
          for (const what of ["sent", "dropped"]) {
            eventtracking.on(what, (event, result) =>
              heard.push([what, event.name, result.status, result.reason]));
            eventtracking.on(what, () => { throw new Error("a bad listener"); });
          }
        })()""")
        result = page.evaluate(
            "eventtracking.emit('good'), eventtracking.emit('bad').then((result) => result)"
        )
        heard = page.evaluate("heard")

    assert heard == [["sent", "good", "accepted", None], ["dropped", "bad", "refused", "bad_name"]]
    assert (result["status"], result["reason"]) == ("refused", "bad_name")
    assert [text for kind, text in page.said if kind == "warning"] == [
        "eventtracking: /event refused an event: bad_name"
    ]


def test_a_word_that_nobody_listens_to_is_told_and_throws_nothing(browser, site):
    """A mistyped word must not stop the page."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.on('other', () => {}), eventtracking.on('toString'), 1")
        page.evaluate("eventtracking.emit('a')")

    assert page.said == [
        ("error", f'eventtracking: on() knows "sent" and "dropped", got {word}')
        for word in ("other", "toString")
    ]


def test_data_that_is_no_json_is_dropped_counted_and_told_and_never_thrown(browser, site):
    """A mistake of the page must not stop the page."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        result = page.evaluate("window.ring = {}, ring.ring = ring, eventtracking.emit('r', ring)")
        page.evaluate("eventtracking.emit('next')")
        [event] = site.wait_for("next")

    assert result == {"status": "dropped", "reason": "unserializable"}
    assert event["context"] == {"eventtracking": {"dropped": 1}}


def test_whatever_a_page_emits_nothing_is_thrown(browser, site):
    """Also an error that is none, and a name that is no text."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("window.bad = { toJSON() { throw null; } }, 1")
        reasons = page.evaluate(
            "Promise.all(['a', Symbol('b'), Object.create(null)].map("
            "(name) => eventtracking.emit(name, bad).then((result) => result.reason)))"
        )

    assert reasons == ["unserializable"] * 3


@pytest.mark.parametrize("name", ["", "null", "''", "0"])
def test_an_event_without_a_name_is_called_unknown(browser, site, name):
    """As the server calls it, whichever way it goes."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate(f"eventtracking.emit({name})")
        page.evaluate(f"Logger.log({name})")
        page.evaluate(f"Logger.log({name or 'undefined'}, {{}}, null, {{ url: '/event' }})")

    [old] = [request.form for request in site.requests if b"event_type" in request.body]
    assert site.names() == ["unknown", "unknown"]
    assert old["event_type"] == "unknown"


def test_debug_prints_what_is_queued_and_sent(browser, site):
    """And nothing is printed without it."""
    with browser.page(site.page("/debug", debug="on")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        said = [text for _, text in page.said]
    with browser.page(site.page("/quiet")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")

    for what in ("queued", "sending", "accepted"):
        assert any(text.startswith(f"eventtracking: {what}") for text in said)
    assert page.said == []


def test_two_copies_on_a_page_tell_everything_once(browser, site):
    """The first one stays."""
    script = '<script src="/eventtracking.js" data-endpoint="/event" data-page-views="on"></script>'
    with browser.page(site.page(scripts=script * 2)) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.flush()")

    assert site.names() == ["page_view"]


def test_names_that_the_page_uses_for_something_else_are_left_alone(browser, site):
    """`Tracker` and `Logger` are common words."""
    with browser.page(site.page(), first="window.Logger = window.Tracker = 'mine'") as page:
        page.wait_for(READY)
        found = page.evaluate("[Logger, Tracker, typeof log_event]")

    assert found == ["mine", "mine", "function"]


def test_modules_import_the_same_client(browser, site):
    """The options stand at the script element all the same."""
    code = """
      import tracking, { emit, context } from "/eventtracking.mjs";
      context("m", { n: 1 });
      emit("from.module");
      window.same = tracking === eventtracking;
    """
    site.pages["/main.js"] = (code, "text/javascript", ())
    script = '<script type="module" src="/main.js" data-endpoint="/event?m"></script>'
    with browser.page(site.page(scripts=script)) as page:
        [event] = site.wait_for("from.module")
        same = page.evaluate("same")

    assert same
    assert event["context"] == {"m": {"n": 1}}
    assert site.requests[0].path == "/event?m"


def test_pages_without_https_get_ids_of_the_same_form(browser, site):
    """There browsers have no `crypto.randomUUID`."""
    with browser.page(site.page(), first=NO_RANDOM_UUID) as page:
        page.wait_for(READY)
        for _ in range(3):
            page.evaluate("eventtracking.emit('a')")

    assert len(site.events) == 3
    assert all(re.fullmatch(UUID, identity) for identity in site.events)


def test_a_strict_policy_with_a_nonce_lets_the_client_do_its_work(browser, site):
    """No inline code, no eval, no other place to talk to."""
    policy = "default-src 'none'; script-src 'nonce-abc'; connect-src 'self'; img-src data:"
    script = (
        '<script nonce="abc" src="/eventtracking.js" data-endpoint="/event"'
        ' data-page-views="on" data-page-close="on" data-batch-seconds="0.05"></script>'
    )
    headers = {"Content-Security-Policy": policy}
    site.page("/next")
    with browser.page(site.page("/strict", scripts=script, headers=headers)) as page:
        site.wait_for("page_view")
        page.go(f"{site.url}/next")
        site.wait_for("page_view", "page_close")

    assert page.complaints == []


def test_a_policy_that_blocks_the_endpoint_loses_nothing(browser, site):
    """The events wait for a page that may send them."""
    policy = {"Content-Security-Policy": "connect-src 'none'"}
    site.page("/free")
    with browser.page(site.page("/blocked", headers=policy)) as page:
        page.wait_for(READY)
        left = page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        page.go(f"{site.url}/free")
        site.wait_for("a")
        page.wait_for("Object.keys(localStorage).every((key) => !key.includes(':event:'))")

    assert left == 1
    assert max(site.accepted.values()) == 1


def test_any_text_arrives_as_it_was(browser, site):
    """Also what is no good Unicode, and names that have a meaning elsewhere."""
    data = {"text": "é \u2028 </script> 😀", "__proto__x": 1, "constructor": None, "n": [1.5, True]}
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate(f"eventtracking.emit('toString', {json.dumps(data)})")
        [event] = site.wait_for("toString")

    assert event["data"] == data
