"""The live page, in a real browser."""

import json
from contextlib import contextmanager

import pytest

# One text for each kind of injection: elements, attributes, ends of tags and of scripts, links,
# styles, templates, encodings. Most would open a dialog if the page treated them as HTML.
INJECTIONS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<body onload=alert(1)>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
    "<template><script>alert(1)</script></template>",
    "<style>@import 'http://127.0.0.1:1/x.css';</style>",
    "<link rel=stylesheet href=http://127.0.0.1:1/x.css>",
    "<base href=http://127.0.0.1:1/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<object data=javascript:alert(1)></object>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "--><script>alert(1)</script><!--",
    "javascript:alert(1)//",
    "${alert(1)}{{constructor.constructor('alert(1)')()}}",
    "\u2028<script>alert(1)</script>\u202e\ufeff&lt;script&gt;",
)


# Set by the first response.
IS_CONNECTED = "typeof resets === 'number'"


@pytest.fixture
def open_page(browser, inspector, token):
    """Open the page, and check in the end that it broke no policy and that no script failed."""

    @contextmanager
    def open_page():
        with browser.page(f"{inspector.url}/?token={token}") as page:
            page.wait_for(IS_CONNECTED)
            yield page
            assert (page.dialogs, page.errors) == ([], [])

    return open_page


@pytest.fixture
def page(open_page):
    with open_page() as page:
        yield page


@pytest.fixture
def five_events(client):
    """Three good events and two bad ones, of two destinations."""
    client.track("edx.video.played", "edx.video.paused", "")
    logs = [{"message": "edx.video.played", "ddsource": "python"}, {"ddsource": "nothing"}]
    client.post("/api/v2/logs", logs, DD_API_KEY="k")


def shown(page):
    return page.texts("#events li:not([hidden]) .name")


def wait_for_rows(page, number):
    page.wait_for(f"document.querySelectorAll('#events li').length === {number}")


def test_events_appear_as_they_arrive_with_the_newest_first(page, client, five_events):
    """Bad ones are shown with their reasons."""
    wait_for_rows(page, 5)
    client.track("edx.video.stopped")
    wait_for_rows(page, 6)

    assert shown(page)[0] == "edx.video.stopped"
    assert page.texts("#good") + page.texts("#bad") == ["4", "2"]
    assert page.texts("#events .reason") == [
        "message is required",
        "track: event must be a non-empty string",
    ]
    assert page.evaluate("document.querySelector('#placeholder').hidden")


def test_events_can_be_filtered_by_name_destination_and_verdict(page, five_events):
    """The filters can be combined."""
    wait_for_rows(page, 5)
    page.fill("#name", "PLAYED")
    assert shown(page) == ["edx.video.played", "edx.video.played"]

    page.fill("#destination", "datadog")
    assert shown(page) == ["edx.video.played"]

    page.fill("#name", "")
    page.fill("#verdict", "bad")
    assert shown(page) == ["(no message)"]

    page.fill("#name", "nowhere")
    assert shown(page) == []
    assert page.texts("#placeholder") == ["No events match the filters."]


def test_a_filter_applies_to_later_events(page, client, five_events):
    """Events that it hides are still counted."""
    wait_for_rows(page, 5)
    page.fill("#verdict", "bad")
    client.track("later")
    page.wait_for("document.querySelector('#good').textContent === '4'")

    assert "later" not in shown(page)


def test_a_click_shows_the_payload_and_every_reason(page, client):
    """The payload is shown as it was received."""
    client.post("/v1/track", {"event": "edx.video.played", "properties": {"id": "intro"}})
    page.click("#events li button")
    page.wait_for("!document.querySelector('#selected').hidden")

    assert page.texts("#selected-name") == ["edx.video.played"]
    assert len(page.texts("#selected-reasons li")) == 2
    assert '"id": "intro"' in page.texts("#selected-payload")[0]


def test_the_page_can_be_paused_and_cleared(page, client, five_events):
    """While it is paused it shows no new events; when it is cleared it shows none at all."""
    wait_for_rows(page, 5)
    page.click("#pause")
    client.track("meanwhile")
    assert page.texts("#pause") == ["Resume"]
    page.click("#pause")
    wait_for_rows(page, 6)
    page.click("#clear")
    wait_for_rows(page, 0)

    assert client.get("/all")[1]["events"] == []
    client.track("afterwards")
    wait_for_rows(page, 1)


def test_a_fault_can_be_set(page, client):
    """The page confirms it."""
    page.fill("#script", "503")
    page.click("#faults button")
    page.wait_for("document.querySelector('#script-hint').textContent.includes('503')")
    assert [client.track("a"), client.track("a")] == [503, 200]


def test_a_flood_of_good_events_does_not_push_out_a_bad_one(page, client):
    """The number of rows is limited."""
    client.track("")
    wait_for_rows(page, 1)
    for _ in range(3):
        client.track(*["flood"] * 300)
    page.wait_for("document.querySelector('#good').textContent === '900'")

    assert page.texts("#events .reason") == ["track: event must be a non-empty string"]
    assert len(page.texts("#events li")) == 301


def test_the_content_of_an_event_is_shown_as_text(open_page, client):
    """Nothing in its name, keys, values or reasons is treated as HTML."""
    batch = [
        {"type": "track", "event": each, "properties": {each: [each]}, "timestamp": each}
        for each in INJECTIONS
    ]
    client.post("/v1/batch", {"batch": batch})
    payloads = []
    with open_page() as page:
        wait_for_rows(page, len(INJECTIONS))
        names = page.texts("#events .name")
        for number, name in enumerate(names, 1):
            page.click(f"#events li:nth-child({number}) button")
            page.wait_for(f"find('#selected-name').textContent === {json.dumps(name)}")
            [payload] = page.texts("#selected-payload")
            payloads.append(json.loads(payload))
        reasons = "".join(page.texts("#events .reason"))
        # Time for scripts that would run later.
        page.evaluate("new Promise((done) => setTimeout(done, 200))")
        tags = page.evaluate(
            "[...document.querySelectorAll('#events *, #selected *')].map((each) => each.tagName)"
        )

    assert names == [*reversed(INJECTIONS)]
    assert [payload["properties"] for payload in payloads] == [{name: [name]} for name in names]
    assert "<script>" in reasons
    assert {*tags} == {"BUTTON", "CODE", "H2", "LI", "P", "PRE", "SPAN", "TIME", "UL"}


def test_these_tests_would_notice_an_injected_script(browser, inspector, token):
    """A check that never fails checks nothing."""
    with browser.page(f"{inspector.url}/?token={token}") as page:
        page.wait_for(IS_CONNECTED)
        page.evaluate("document.body.setAttribute('style', 'color: red')")
        page.evaluate("alert('seen')")

    assert page.dialogs == ["seen"]
    assert any("Content Security Policy" in each for each in page.errors)


def test_a_script_cannot_turn_text_into_elements(page):
    """The browser enforces trusted types, for the page's own script as well."""
    refused = "try { document.body.innerHTML = '<b>x</b>' } catch (error) { String(error) }"

    assert "TrustedHTML" in page.evaluate(refused)
    assert any("TrustedHTML" in each for each in page.errors)
    page.errors.clear()


def test_the_page_shows_that_its_token_is_wrong(browser, inspector, client):
    """As when the inspector was restarted and the page stayed open."""
    with browser.page(f"{inspector.url}/?token=wrong") as page:
        page.wait_for("document.body?.textContent.includes('the token is missing or wrong')")


def test_the_page_shows_that_its_inspector_was_stopped(browser, inspector, token):
    """It must not look as if there were only no new events."""
    with browser.page(f"{inspector.url}/?token={token}") as page:
        page.wait_for(IS_CONNECTED)
        inspector.close()
        page.wait_for("document.querySelector('#error').textContent.includes('not responding')")
