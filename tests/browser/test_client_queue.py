"""What was emitted is kept until the server has it, and is sent once, whatever happens between."""

import json

import pytest
from page_scripts import (
    FILLS_STORAGE,
    FULL_STORAGE,
    HIDES,
    HURRIES,
    KEPT,
    NO_STORAGE,
    READY,
    SEES_BEACONS,
    SEES_FETCHES,
)


def emit(page, *names):
    for name in names:
        page.evaluate(f"eventtracking.emit({json.dumps(name)}), 1")


def test_what_happens_offline_arrives_when_the_network_is_back(browser, site):
    """Once, in its order, with the times at which it happened."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.offline()
        emit(page, "a", "b", "c")
        left = page.evaluate("eventtracking.flush()")
        page.offline(False)
        site.wait_for("a", "b", "c")
        page.wait_for(f"{KEPT} === 0")

    assert left == 3
    assert site.names() == ["a", "b", "c"]
    assert set(site.accepted.values()) == {1}


def test_a_server_that_is_down_gets_everything_when_it_is_up(browser, site):
    """The browser finds nobody at the port, and later somebody again."""
    with browser.page(site.page(), first=HURRIES) as page:
        page.wait_for(READY)
        site.down()
        emit(page, *(f"e{number}" for number in range(120)))
        page.wait_for("waits.length > 5")
        kept = page.evaluate(KEPT)
        site.up()
        site.wait_for("e119")
        page.wait_for(f"{KEPT} === 0")

    assert kept == 120
    assert site.names() == [f"e{number}" for number in range(120)]
    assert set(site.accepted.values()) == {1}


def test_the_next_page_sends_what_a_killed_tab_left(browser, site):
    """Its process ended at once: no script of it heard of that."""
    url = site.page(batch_seconds="1000")
    site.page("/next")
    with browser.page(url) as page:
        page.wait_for(READY)
        emit(page, "a", "b")
        page.kill()
        following = page.beside(f"{site.url}/next")
        site.wait_for("a", "b")
        following.wait_for(f"{KEPT} === 0")

    assert site.names() == ["a", "b"]
    assert set(site.accepted.values()) == {1}


def test_two_tabs_share_a_queue_and_send_nothing_twice(browser, site):
    """Both emit while the server is away; both want to send when it is back."""
    url = site.page()
    site.answers.extend([(503, {}, b"")] * 4)
    with browser.page(url) as one:
        other = one.beside(url)
        for page, letter in ((one, "a"), (other, "b")):
            page.wait_for(READY)
            page.evaluate(f"for (let i = 0; i < 200; i++) eventtracking.emit('{letter}' + i); 1")
        site.wait(lambda here: len(here.events) == 400)
        lefts = [page.evaluate("eventtracking.flush()") for page in (one, other)]
        accepted = set(site.accepted.values())

    assert lefts == [0, 0]
    assert {*site.names()} == {f"{letter}{n}" for letter in "ab" for n in range(200)}
    assert accepted == {1}


def test_a_tab_that_is_not_seen_leaves_its_events_to_one_that_is(browser, site):
    """Browsers let hidden tabs sleep. Its promises end, and it does not send them again."""
    first = f"{HIDES} {SEES_BEACONS} window.refuseBeacons = true;"
    with browser.page(site.page("/slow", batch_seconds="1000"), first=first) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a').then((result) => window.result = result), 1")
        page.evaluate("hide(true)")
        other = page.beside(site.page("/fast"))
        site.wait_for("a")
        other.wait_for(f"{KEPT} === 0")
        page.wait_for(f"{KEPT} === 0")
        page.evaluate("hide(false)")
        page.wait_for("eventtracking.flush(), !!window.result")
        left = page.evaluate("eventtracking.flush()")
        result = page.evaluate("result.status")
        accepted = set(site.accepted.values())

    assert (left, result) == (0, "elsewhere")
    assert accepted == {1}


def test_a_tab_says_that_it_is_there_before_it_stores_an_event(browser, site):
    """Another tab may look between the two."""
    first = """
      window.written = [];
      const set = Storage.prototype.setItem;
      Storage.prototype.setItem = function (key, text) {
        written.push(key.split(":")[2]);
        return set.call(this, key, text);
      };
    """
    with browser.page(site.page(batch_seconds="1000"), first=first) as page:
        page.wait_for(READY)
        emit(page, "a")
        written = page.evaluate("written")

    assert written == ["lease", "mark", "event"]


def test_a_tab_that_is_seen_keeps_its_events(browser, site):
    """Another tab leaves them alone for as long as it is there."""
    with browser.page(site.page("/slow", batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "mine")
        other = page.beside(site.page("/fast"))
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('yours')")
        names = site.names()
        left = page.evaluate("eventtracking.flush()")

    assert (names, left) == (["yours"], 0)
    assert site.names() == ["yours", "mine"]


@pytest.mark.parametrize(
    "refusal",
    [NO_STORAGE, FULL_STORAGE],
    ids=["refused", "full"],
)
def test_without_storage_events_wait_in_memory(browser, site, refusal):
    """A private window, or a full one: events go all the same, after failures too."""
    site.answers.append((500, {}, b""))
    with browser.page(site.page(session_id="on"), first=refusal) as page:
        page.wait_for(READY)
        emit(page, "a")
        page.evaluate("eventtracking.emit('b').then(() => { window.confirmed = true; }), 1")
        first, second = site.wait_for("a", "b")
        page.wait_for("window.confirmed")

    assert first["context"] == second["context"]
    assert set(site.accepted.values()) == {1}
    # Browsers tell of the answer, and scripts threw nothing.
    assert [text for text in page.complaints if "status of 500" not in text] == []


def test_what_storage_has_no_room_for_waits_in_memory(browser, site):
    """A real quota: the application filled its storage."""
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate(FILLS_STORAGE)
        emit(page, *"abc")
        kept = page.evaluate(KEPT)
        left = page.evaluate("eventtracking.flush()")

    assert (kept, left) == (0, 0)
    assert site.names() == ["a", "b", "c"]


def test_an_application_that_empties_the_storage_loses_no_event(browser, site):
    """As many do when their user leaves."""
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "a")
        page.evaluate("localStorage.clear()")
        emit(page, "b")
        left = page.evaluate("eventtracking.flush()")

    assert left == 0
    assert site.names() == ["a", "b"]


def test_a_full_queue_drops_the_oldest_and_counts(browser, site):
    """The next events say how many."""
    with browser.page(site.page(queue_events="5", batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.lost = [];
          eventtracking.on('dropped', ({ name }, { reason }) => lost.push([name, reason]));
          for (let i = 0; i < 8; i++) eventtracking.emit('e' + i);
        })()""")
        kept = page.evaluate(KEPT)
        page.evaluate("eventtracking.flush()")
        lost = page.evaluate("lost")

    dropped = [
        event["context"].get("eventtracking", {}).get("dropped") for event in site.events.values()
    ]
    assert kept == 5
    assert lost == [["e0", "full"], ["e1", "full"], ["e2", "full"]]
    assert site.names() == ["e3", "e4", "e5", "e6", "e7"]
    assert dropped == [None, None, None, 1, 2]


def test_ten_thousand_events_at_once_arrive_once_each(browser, site):
    """With a failure in between."""
    site.answers.extend([None, None, (500, {}, b""), None, (429, {"Retry-After": "1"}, b"")])
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 10000; i++) eventtracking.emit('burst', { i }); 1")
        site.wait(lambda here: len(here.events) == 10_000)
        left = page.evaluate("eventtracking.flush()")
        kept = page.evaluate(KEPT)

    assert (left, kept) == (0, 0)
    assert [event["data"]["i"] for event in site.events.values()] == [*range(10_000)]
    assert set(site.accepted.values()) == {1}


def test_each_failure_is_waited_for_longer_up_to_a_minute(browser, site):
    """With jitter; here chance is always the same."""
    site.answers.extend([(503, {}, b"")] * 9)
    with browser.page(site.page(), first=HURRIES) as page:
        page.wait_for(READY)
        emit(page, "a")
        site.wait_for("a")
        waits = page.evaluate("waits")

    longest = [10 + 700 * 2**number for number in range(6)] + [42_010] * 3
    # What passed since the answer is less to wait for.
    assert [most for wait, most in zip(waits, longest, strict=True) if not wait <= most] == []
    assert waits[0] < waits[3] < waits[-1]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_says_when_is_not_asked_before(browser, site, status):
    """Neither by another tab, nor by the next page, nor when the network comes back."""
    site.answers.append((status, {"Retry-After": "3000"}, b""))
    url = site.page(batch_seconds="1000")
    still = f"{HURRIES} window.holdsStill = true;"
    with browser.page(url, first=still) as page:
        page.wait_for(READY)
        left = [page.evaluate("eventtracking.emit('a'), eventtracking.flush()")]
        page.evaluate("window.jump = 0, dispatchEvent(new Event('online'))")
        left.append(page.evaluate("eventtracking.flush()"))
        page.go(site.page("/next", batch_seconds="1000"))
        left.append(page.evaluate("window.jump = 1000000, eventtracking.flush()"))
        asked = len(site.requests)
        left.append(page.evaluate("window.jump = 3001000, eventtracking.flush()"))

    assert left == [1, 1, 1, 0]
    assert asked == 1
    assert site.names() == ["a"]


def test_a_date_to_retry_after_is_understood(browser, site):
    """HTTP has two forms for it."""
    date = "Fri, 31 Dec 2100 23:59:59 GMT"
    site.answers.append((503, {"Retry-After": date}, b""))
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        until = page.evaluate("localStorage['eventtracking:/event:until'] - Date.now()")

    # A server that says years is asked after an hour.
    assert 3_000_000 < until <= 3_600_000


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415])
def test_what_the_server_will_never_take_is_dropped_with_one_warning(browser, site, status):
    """To try again would help nobody; what comes later is tried."""
    site.answers.extend([(status, {}, b"")] * 2)
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        results = [page.evaluate(f"eventtracking.emit('e{number}')") for number in range(3)]

    found = [(result["status"], result.get("reason")) for result in results]
    assert found == [("dropped", f"http_{status}")] * 2 + [("accepted", None)]
    assert [text for kind, text in page.said if kind == "warning"] == [
        f"eventtracking: /event answered {status}, and the events are dropped"
    ]


def test_a_batch_that_is_too_large_is_sent_in_parts(browser, site):
    """Only what is too large alone is dropped."""

    def answer(request):
        if len(request.body) > 2000:
            with site._lock:
                site.requests.append(request)
            return 413, {}, b""
        return ask(request)

    ask, site.answer = site.answer, answer
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 20; i++) eventtracking.emit('e' + i); 1")
        large = page.evaluate(
            "window.large = eventtracking.emit('large', 'x'.repeat(3000)),"
            "eventtracking.flush().then(() => large)"
        )

    assert large["reason"] == "http_413"
    assert site.names() == [f"e{number}" for number in range(20)]


def test_an_event_that_spoils_its_batch_is_dropped_alone(browser, site):
    """Its neighbours arrive, once and in their order, and later batches are whole again."""

    def answer(request):
        if b'"bad"' in request.body:
            with site._lock:
                site.requests.append(request)
            return 400, {}, b""
        return ask(request)

    ask, site.answer = site.answer, answer
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        page.evaluate("""(() => {
          window.results = [];
          for (let i = 0; i < 30; i++) {
            const name = [7, 8, 21].includes(i) ? "bad" : "e" + i;
            eventtracking.emit(name).then(({ status, reason }) => results.push([status, reason]));
          }
        })()""")
        left = page.evaluate("eventtracking.flush()")
        results = page.evaluate("results")
        page.evaluate("for (let i = 30; i < 60; i++) eventtracking.emit('e' + i); 1")
        page.evaluate("eventtracking.flush()")

    good = [number for number in range(60) if number not in (7, 8, 21)]
    assert left == 0
    assert results.count(["dropped", "http_400"]) == 3
    assert results.count(["accepted", None]) == 27
    assert site.names() == [f"e{number}" for number in good]
    assert set(site.accepted.values()) == {1}
    assert len(site.requests[-1].batch["events"]) == 30


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, b"<h1>Welcome to our airport</h1>"),
        (200, {"Content-Type": "application/json"}, b"null"),
        (200, {"Content-Type": "application/json"}, b'{"results": []}'),
        (204, {}, b""),
    ],
    ids=["captive_portal", "null", "no_results", "no_content"],
)
def test_an_answer_that_names_no_event_confirms_none(browser, site, answer):
    """What is kept is sent again."""
    site.answers.append(answer)
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        left = page.evaluate("eventtracking.emit('a'), eventtracking.flush()")
        site.wait_for("a")

    assert left == 1


def test_neighbours_of_an_unconfirmed_event_are_done(browser, site):
    """Only what has no result goes again."""

    def partial(request):
        status, headers, body = ask(request)
        results = json.loads(body)["results"][:1]
        return status, headers, json.dumps({"results": results}).encode()

    ask, site.answer = site.answer, partial
    with browser.page(site.page(batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "a", "b")
        left = page.evaluate("eventtracking.flush()")

    assert left == 0
    assert [len(request.batch["events"]) for request in site.requests] == [2, 1]


def test_what_else_is_in_storage_poisons_no_batch(browser, site):
    """Half an event, or one under another's name, is thrown away."""
    first = """
      localStorage.setItem("eventtracking:/event:event:1", "{");
      localStorage.setItem("eventtracking:/event:event:2", "{\\"id\\": 3}");
      localStorage.setItem("mine", "stays");
    """
    with browser.page(site.page(), first=first) as page:
        page.wait_for(READY)
        page.evaluate("eventtracking.emit('a')")
        found = page.evaluate("[localStorage.length, localStorage.mine]")

    assert site.names() == ["a"]
    assert found == [2, "stays"]


def test_queues_of_two_servers_are_two(browser, site):
    """Applications side by side on one host do not mix their events."""
    with browser.page(site.page("/one", endpoint="/event?1", batch_seconds="1000")) as page:
        page.wait_for(READY)
        emit(page, "one")
        other = page.beside(site.page("/two", endpoint="/event?2", batch_seconds="1000"))
        other.wait_for(READY)
        other.evaluate("eventtracking.emit('two'), eventtracking.flush()")
        page.evaluate("eventtracking.flush()")

    found = {
        request.path: [e["name"] for e in request.batch["events"]] for request in site.requests
    }
    assert found == {"/event?1": ["one"], "/event?2": ["two"]}


def test_one_request_is_under_way_at_a_time(browser, site):
    """So the 60 KiB that outlive a page are never asked for twice."""
    with browser.page(
        site.page(batch_events="100", batch_bytes="50000"), first=SEES_FETCHES
    ) as page:
        page.wait_for(READY)
        page.evaluate("for (let i = 0; i < 300; i++) eventtracking.emit('e', 'x'.repeat(900)); 1")
        site.wait(lambda here: len(here.events) == 300)
        fetches = page.evaluate("fetches")

    # Firefox gives the budget back a little late, and what it refuses goes without.
    is_kept = [fetch["keepalive"] for fetch in fetches]
    assert all(is_kept) or (browser.name == "firefox" and any(is_kept))
    assert all(fetch["bytes"] <= 61_440 for fetch in fetches)
