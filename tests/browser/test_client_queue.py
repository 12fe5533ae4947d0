"""The queue: events are stored until the server confirms them, and sent once."""

import json

import pytest
from page_scripts import (
    DEFINE_HIDE,
    FAST_TIMERS,
    FILL_STORAGE,
    FULL_STORAGE,
    NO_STORAGE,
    READY,
    RECORD_BEACONS,
    RECORD_FETCHES,
    STORED_COUNT,
)


def emit(page, *names):
    for name in names:
        page.evaluate(f"eventtracking.emit({json.dumps(name)}), 1")


def test_events_of_an_offline_page_arrive_when_the_network_is_back(browser, site):
    """Once each, and in order."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.offline()
        emit(page, "a", "b", "c")
        queued = page.evaluate("eventtracking.flush()")
        page.offline(False)
        site.wait_for("a", "b", "c")
        page.wait_for(f"{STORED_COUNT} === 0")

    assert queued == 3
    assert site.names() == ["a", "b", "c"]
    assert set(site.times_received.values()) == {1}


def test_events_arrive_once_a_server_is_up_again(browser, site):
    """Connections are refused at first, and accepted later."""
    with browser.page(site.add_page(), preload=FAST_TIMERS) as page:
        page.wait_for(READY)
        site.stop()
        emit(page, *(f"e{number}" for number in range(120)))
        page.wait_for("delays.length > 5")
        stored = page.evaluate(STORED_COUNT)
        site.start()
        site.wait_for("e119")
        page.wait_for(f"{STORED_COUNT} === 0")

    assert stored == 120
    assert site.names() == [f"e{number}" for number in range(120)]
    assert set(site.times_received.values()) == {1}


def test_the_next_page_sends_the_events_of_a_killed_tab(browser, site):
    """The process of the tab ended without running any handler."""
    url = site.add_page(batch_seconds="1000")
    site.add_page("/next")
    with browser.page(url) as page:
        page.wait_for(READY)
        emit(page, "a", "b")
        page.kill()
        next_page = page.open_tab(f"{site.url}/next")
        site.wait_for("a", "b")
        next_page.wait_for(f"{STORED_COUNT} === 0")

    assert site.names() == ["a", "b"]
    assert set(site.times_received.values()) == {1}


def test_two_tabs_share_a_queue_and_send_nothing_twice(browser, site):
    """Both emit events while the server is unavailable, and both send when it is back."""
    url = site.add_page()
    site.responses.extend([(503, {}, b"")] * 4)
    with browser.page(url) as one:
        other = one.open_tab(url)
        for page, letter in ((one, "a"), (other, "b")):
            page.wait_for(READY)
            page.evaluate(f"for (let i = 0; i < 200; i++) eventtracking.emit('{letter}' + i); 1")
        site.wait_until(lambda: len(site.events) == 400)
        queued = [page.evaluate("eventtracking.flush()") for page in (one, other)]
        times_received = set(site.times_received.values())

    assert queued == [0, 0]
    assert {*site.names()} == {f"{letter}{n}" for letter in "ab" for n in range(200)}
    assert times_received == {1}


def test_a_hidden_tab_leaves_its_events_to_a_visible_one(browser, site):
    """Browsers throttle hidden tabs. The promises of the hidden tab resolve to `elsewhere`."""
    preload = f"{DEFINE_HIDE} {RECORD_BEACONS} window.refuseBeacons = true;"
    with browser.page(site.add_page("/slow", batch_seconds="1000"), preload=preload) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a').then((result) => window.result = result), 1")
        page.evaluate("hide(true)")
        other = page.open_tab(site.add_page("/fast"))
        site.wait_for("a")
        other.wait_for(f"{STORED_COUNT} === 0")
        page.wait_for(f"{STORED_COUNT} === 0")
        page.evaluate("hide(false)")
        page.wait_for("eventtracking.flush(), !!window.result")
        queued = page.evaluate("eventtracking.flush()")
        status = page.evaluate("result.status")
        times_received = set(site.times_received.values())

    assert (queued, status) == (0, "elsewhere")
    assert times_received == {1}


def test_a_tab_writes_its_lease_before_it_stores_an_event(browser, site):
    """Otherwise another tab could adopt the event in between."""
    preload = """
      window.written = [];
      const set = Storage.prototype.setItem;
      Storage.prototype.setItem = function (key, text) {
        written.push(key.split(":")[2]);
        return set.call(this, key, text);
      };
    """
    with browser.page(site.add_page(batch_seconds="1000"), preload=preload) as page:
        page.wait_for(READY)
        emit(page, "a")
        written = page.evaluate("written")

    assert written == ["lease", "generation", "event"]


def test_other_tabs_leave_the_events_of_a_visible_tab_alone(browser, site):
    """A visible tab sends its events itself."""
    with browser.page(site.add_page("/slow", batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "mine")
        other = page.open_tab(site.add_page("/fast"))
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('yours')")
        names = site.names()
        queued = page.evaluate("eventtracking.flush()")

    assert (names, queued) == (["yours"], 0)
    assert site.names() == ["yours", "mine"]


@pytest.mark.parametrize("storage", [NO_STORAGE, FULL_STORAGE], ids=["blocked", "full"])
def test_without_storage_events_are_queued_in_memory(browser, site, storage):
    """They are still sent, even after a failure."""
    site.responses.append((500, {}, b""))
    with browser.page(site.add_page(session_id="on"), preload=storage) as page:
        page.wait_for(READY)
        emit(page, "a")
        page.evaluate("eventtracking.emit('b').then(() => { window.confirmed = true; }), 1")
        first, second = site.wait_for("a", "b")
        page.wait_for("window.confirmed")

    assert first["context"] == second["context"]
    assert set(site.times_received.values()) == {1}
    # Browsers report the response with status 500; no script threw an exception.
    assert [text for text in page.errors if "status of 500" not in text] == []


def test_events_that_exceed_the_quota_are_queued_in_memory(browser, site):
    """The application has used up the real quota of the browser."""
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate(FILL_STORAGE)
        emit(page, *"abc")
        stored = page.evaluate(STORED_COUNT)
        queued = page.evaluate("eventtracking.flush()")

    assert (stored, queued) == (0, 0)
    assert site.names() == ["a", "b", "c"]


def test_an_application_that_clears_the_storage_loses_no_event(browser, site):
    """Many applications do so when a user logs out."""
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "a")
        page.evaluate("localStorage.clear()")
        emit(page, "b")
        queued = page.evaluate("eventtracking.flush()")

    assert queued == 0
    assert site.names() == ["a", "b"]


def test_a_full_queue_drops_the_oldest_and_counts(browser, site):
    """The number of dropped events is in the context of the events that follow."""
    with browser.page(site.add_page(queue_events="5", batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.dropped = [];
          eventtracking.on('dropped', ({ name }, { reason }) => dropped.push([name, reason]));
          for (let i = 0; i < 8; i++) eventtracking.emit('e' + i);
        })()""")
        stored = page.evaluate(STORED_COUNT)
        page.evaluate("eventtracking.flush()")
        dropped = page.evaluate("dropped")

    counts = [
        event["context"].get("eventtracking", {}).get("dropped") for event in site.events.values()
    ]
    assert stored == 5
    assert dropped == [["e0", "full"], ["e1", "full"], ["e2", "full"]]
    assert site.names() == ["e3", "e4", "e5", "e6", "e7"]
    assert counts == [None, None, None, 1, 2]


def test_ten_thousand_events_at_once_arrive_once_each(browser, site):
    """Even if some requests fail."""
    site.responses.extend([None, None, (500, {}, b""), None, (429, {"Retry-After": "1"}, b"")])
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 10000; i++) eventtracking.emit('burst', { i }); 1")
        site.wait_until(lambda: len(site.events) == 10_000)
        queued = page.evaluate("eventtracking.flush()")
        stored = page.evaluate(STORED_COUNT)

    assert (queued, stored) == (0, 0)
    assert [event["data"]["i"] for event in site.events.values()] == [*range(10_000)]
    assert set(site.times_received.values()) == {1}


def test_the_delay_grows_with_each_failure_up_to_a_minute(browser, site):
    """With jitter, which is constant in this test."""
    site.responses.extend([(503, {}, b"")] * 9)
    with browser.page(site.add_page(), preload=FAST_TIMERS) as page:
        page.wait_for(READY)
        emit(page, "a")
        site.wait_for("a")
        delays = page.evaluate("delays")

    longest = [10 + 700 * 2**number for number in range(6)] + [42_010] * 3
    # The time that has passed since the response is subtracted.
    assert all(delay <= most for delay, most in zip(delays, longest, strict=True))
    assert delays[0] < delays[3] < delays[-1]


@pytest.mark.parametrize("status", [429, 503])
def test_no_request_is_made_before_the_time_in_retry_after(browser, site, status):
    """Not by the next page either, nor when the network comes back."""
    site.responses.append((status, {"Retry-After": "3000"}, b""))
    url = site.add_page(batch_seconds="1000")
    preload = f"{FAST_TIMERS} window.timersAreStopped = true;"
    with browser.page(url, preload=preload) as page:
        page.wait_for(READY)
        queued = [page.evaluate("eventtracking.emit('a'), eventtracking.flush()")]
        page.evaluate("window.clockOffset = 0, dispatchEvent(new Event('online'))")
        queued.append(page.evaluate("eventtracking.flush()"))
        page.navigate(site.add_page("/next", batch_seconds="1000"))
        queued.append(page.evaluate("window.clockOffset = 1000000, eventtracking.flush()"))
        requests = len(site.requests)
        queued.append(page.evaluate("window.clockOffset = 3001000, eventtracking.flush()"))

    assert queued == [1, 1, 1, 0]
    assert requests == 1
    assert site.names() == ["a"]


def test_retry_after_may_be_a_date(browser, site):
    """HTTP allows both a date and a number of seconds."""
    date = "Fri, 31 Dec 2100 23:59:59 GMT"
    site.responses.append((503, {"Retry-After": date}, b""))
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        delay = page.evaluate("localStorage['eventtracking:/event:retry_at'] - Date.now()")

    # A longer delay is cut to an hour.
    assert 3_000_000 < delay <= 3_600_000


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415])
def test_events_that_the_server_will_never_accept_are_dropped(browser, site, status):
    """There is one warning, and later events are still sent."""
    site.responses.extend([(status, {}, b"")] * 2)
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        results = [page.evaluate(f"eventtracking.emit('e{number}')") for number in range(3)]

    outcomes = [(result["status"], result.get("reason")) for result in results]
    assert outcomes == [("dropped", f"http_{status}")] * 2 + [("accepted", None)]
    assert [text for level, text in page.console if level == "warning"] == [
        f"eventtracking: /event answered {status}, and the events were dropped"
    ]


def test_a_batch_that_is_too_large_for_the_server_is_split(browser, site):
    """Only an event that is too large on its own is dropped."""

    def respond(request):
        if len(request.body) > 2000:
            site.record(request)
            return 413, {}, b""
        return original(request)

    original, site.respond = site.respond, respond
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 20; i++) eventtracking.emit('e' + i); 1")
        large = page.evaluate(
            "window.large = eventtracking.emit('large', 'x'.repeat(3000)),"
            "eventtracking.flush().then(() => large)"
        )

    assert large["reason"] == "http_413"
    assert site.names() == [f"e{number}" for number in range(20)]


def test_an_event_that_makes_its_batch_fail_is_dropped_alone(browser, site):
    """The other events arrive once and in order, and later batches have their full size again."""

    def respond(request):
        if b'"bad"' in request.body:
            site.record(request)
            return 400, {}, b""
        return original(request)

    original, site.respond = site.respond, respond
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.results = [];
          for (let i = 0; i < 30; i++) {
            const name = [7, 8, 21].includes(i) ? "bad" : "e" + i;
            eventtracking.emit(name).then(({ status, reason }) => results.push([status, reason]));
          }
        })()""")
        queued = page.evaluate("eventtracking.flush()")
        results = page.evaluate("results")
        page.evaluate("for (let i = 30; i < 60; i++) eventtracking.emit('e' + i); 1")
        page.evaluate("eventtracking.flush()")

    good = [number for number in range(60) if number not in (7, 8, 21)]
    assert queued == 0
    assert results.count(["dropped", "http_400"]) == 3
    assert results.count(["accepted", None]) == 27
    assert site.names() == [f"e{number}" for number in good]
    assert set(site.times_received.values()) == {1}
    assert len(site.requests[-1].batch["events"]) == 30


@pytest.mark.parametrize(
    "response",
    [
        (200, {"Content-Type": "text/html"}, b"<h1>Welcome to our airport</h1>"),
        (200, {"Content-Type": "application/json"}, b"null"),
        (200, {"Content-Type": "application/json"}, b'{"results": []}'),
        (204, {}, b""),
    ],
    ids=["captive_portal", "null", "no_results", "no_content"],
)
def test_a_response_that_names_no_event_confirms_none(browser, site, response):
    """The events stay queued and are sent again."""
    site.responses.append(response)
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        queued = page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        site.wait_for("a")

    assert queued == 1


def test_only_the_events_without_a_result_are_sent_again(browser, site):
    """The response confirms the other events of the batch."""

    def respond(request):
        status, headers, body = original(request)
        results = json.loads(body)["results"][:1]
        return status, headers, json.dumps({"results": results}).encode()

    original, site.respond = site.respond, respond
    with browser.page(site.add_page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "a", "b")
        queued = page.evaluate("eventtracking.flush()")

    assert queued == 0
    assert [len(request.batch["events"]) for request in site.requests] == [2, 1]


def test_damaged_events_in_storage_are_removed(browser, site):
    """A truncated event, or one under the id of another, would make a whole batch fail."""
    preload = """
      localStorage.setItem("eventtracking:/event:event:1", "{");
      localStorage.setItem("eventtracking:/event:event:2", "{\\"id\\": 3}");
      localStorage.setItem("other", "stays");
    """
    with browser.page(site.add_page(), preload=preload) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        stored = page.evaluate("[localStorage.length, localStorage.other]")

    assert site.names() == ["a"]
    assert stored == [2, "stays"]


def test_each_endpoint_has_its_own_queue(browser, site):
    """Two applications on one host do not mix their events."""
    with browser.page(site.add_page("/one", endpoint="/event?1", batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "one")
        other = page.open_tab(site.add_page("/two", endpoint="/event?2", batch_seconds="1000"))
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('two'), eventtracking.flush()")
        page.evaluate("eventtracking.flush()")

    names = {
        request.path: [event["name"] for event in request.batch["events"]]
        for request in site.requests
    }
    assert names == {"/event?1": ["one"], "/event?2": ["two"]}


def test_one_batch_is_in_flight_at_a_time(browser, site):
    """So two batches never compete for the browser's keepalive budget."""
    with browser.page(
        site.add_page(batch_events="100", batch_bytes="50000"), preload=RECORD_FETCHES
    ) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 300; i++) eventtracking.emit('e', 'x'.repeat(900)); 1")
        site.wait_until(lambda: len(site.events) == 300)
        fetches = page.evaluate("fetches")

    # Firefox frees the budget a little late, and a request that it refuses is sent without.
    keepalive = [fetch["keepalive"] for fetch in fetches]
    assert all(keepalive) or (browser.name == "firefox" and any(keepalive))
    assert all(fetch["bytes"] <= 61_440 for fetch in fetches)
