"""The live page, in a real browser."""

import json
from contextlib import contextmanager

import pytest

# One of each way in: elements, attributes, ends of tags and of scripts, links, styles,
# templates, encodings. Each opens a dialog if it is taken for more than a text.
STRANGE = (
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


# What its script notes of the first answer.
HAS_LOOKED = "typeof resets === 'number'"


@pytest.fixture
def look(browser, inspector, token):
    """Open the page; in the end it did nothing that its policy forbids, and no script failed."""

    @contextmanager
    def look():
        with browser.page(f"{inspector.url}/?token={token}") as page:
            page.wait_for(HAS_LOOKED)
            yield page
            assert (page.dialogs, page.errors) == ([], [])

    return look


@pytest.fixture
def page(look):
    with look() as page:
        yield page


@pytest.fixture
def some(client):
    """Three good events and two bad ones, of two destinations."""
    client.track("edx.video.played", "edx.video.paused", "")
    logs = [{"message": "edx.video.played", "ddsource": "python"}, {"ddsource": "nothing"}]
    client.post("/api/v2/logs", logs, DD_API_KEY="k")


def shown(page):
    return page.texts("#events li:not([hidden]) .name")


def rows(page, number):
    page.wait_for(f"document.querySelectorAll('#events li').length === {number}")


def test_events_appear_as_they_arrive_the_newest_first(page, client, some):
    """Without being asked for, with the reason if they are bad."""
    rows(page, 5)
    client.track("edx.video.stopped")
    rows(page, 6)

    assert shown(page)[0] == "edx.video.stopped"
    assert page.texts("#good") + page.texts("#bad") == ["4", "2"]
    assert page.texts("#events .why") == ["message is required", "track needs event, a string"]
    assert page.evaluate("document.querySelector('#none').hidden")


def test_they_can_be_filtered_by_name_destination_and_verdict(page, some):
    """All three at once."""
    rows(page, 5)
    page.fill("#name", "PLAYED")
    assert shown(page) == ["edx.video.played", "edx.video.played"]

    page.fill("#destination", "datadog")
    assert shown(page) == ["edx.video.played"]

    page.fill("#name", "")
    page.fill("#verdict", "bad")
    assert shown(page) == ["(no message)"]

    page.fill("#name", "nowhere")
    assert shown(page) == []
    assert page.texts("#none") == ["Nothing of what is here passes the filters."]


def test_a_filter_holds_for_what_comes_later(page, client, some):
    """What it hides is counted all the same."""
    rows(page, 5)
    page.fill("#verdict", "bad")
    client.track("later")
    page.wait_for("document.querySelector('#good').textContent === '4'")

    assert "later" not in shown(page)


def test_a_click_shows_the_payload_and_every_reason(page, client):
    """As it came."""
    client.post("/v1/track", {"event": "edx.video.played", "properties": {"id": "intro"}})
    page.click("#events li button")
    page.wait_for("!document.querySelector('#chosen').hidden")

    assert page.texts("#chosen-name") == ["edx.video.played"]
    assert len(page.texts("#chosen-reasons li")) == 2
    assert '"id": "intro"' in page.texts("#chosen-payload")[0]


def test_it_can_be_paused_and_cleared(page, client, some):
    """Paused, it shows nothing new; cleared, nothing at all."""
    rows(page, 5)
    page.click("#pause")
    client.track("meanwhile")
    assert page.texts("#pause") == ["Go on"]
    page.click("#pause")
    rows(page, 6)
    page.click("#clear")
    rows(page, 0)

    assert client.get("/all")[1]["events"] == []
    client.track("afterwards")
    rows(page, 1)


def test_a_fault_can_be_set(page, client):
    """A wrong one is explained."""
    page.fill("#script", "503")
    page.click("#faults button")
    page.wait_for("document.querySelector('#script-hint').textContent.includes('503')")
    assert [client.track("a"), client.track("a")] == [503, 200]


def test_a_flood_of_good_events_washes_no_bad_one_away(page, client):
    """It takes no more room than it is given, either."""
    client.track("")
    rows(page, 1)
    for _ in range(3):
        client.track(*["flood"] * 300)
    page.wait_for("document.querySelector('#good').textContent === '900'")

    assert page.texts("#events .why") == ["track needs event, a string"]
    assert len(page.texts("#events li")) == 301


def test_whatever_an_event_holds_is_shown_as_text(look, client):
    """In its name, its keys, its values and the reasons: visible, and nothing more."""
    batch = [
        {"type": "track", "event": each, "properties": {each: [each]}, "timestamp": each}
        for each in STRANGE
    ]
    client.post("/v1/batch", {"batch": batch})
    payloads = []
    with look() as page:
        rows(page, len(STRANGE))
        names = page.texts("#events .name")
        for number, name in enumerate(names, 1):
            page.click(f"#events li:nth-child({number}) button")
            page.wait_for(f"find('#chosen-name').textContent === {json.dumps(name)}")
            [payload] = page.texts("#chosen-payload")
            payloads.append(json.loads(payload))
        reasons = "".join(page.texts("#events .why"))
        # A while, for what would be run later.
        page.evaluate("new Promise((done) => setTimeout(done, 200))")
        tags = page.evaluate(
            "[...document.querySelectorAll('#events *, #chosen *')].map((each) => each.tagName)"
        )

    assert names == [*reversed(STRANGE)]
    assert [payload["properties"] for payload in payloads] == [{name: [name]} for name in names]
    assert "<script>" in reasons
    assert {*tags} == {"BUTTON", "CODE", "H2", "LI", "P", "PRE", "SPAN", "TIME", "UL"}


def test_what_a_script_of_a_stranger_would_do_is_noticed(browser, inspector, token):
    """A check that never fails checks nothing."""
    with browser.page(f"{inspector.url}/?token={token}") as page:
        page.wait_for(HAS_LOOKED)
        page.evaluate("document.body.setAttribute('style', 'color: red')")
        page.evaluate("alert('seen')")

    assert page.dialogs == ["seen"]
    assert any("Content Security Policy" in each for each in page.errors)


def test_a_script_cannot_make_elements_out_of_text(page):
    """Trusted types: the browser refuses it, whoever wrote the script."""
    refused = "try { document.body.innerHTML = '<b>x</b>' } catch (error) { String(error) }"

    assert "TrustedHTML" in page.evaluate(refused)
    assert any("TrustedHTML" in each for each in page.errors)
    page.errors.clear()


def test_a_wrong_token_is_said_on_the_page(browser, inspector, client):
    """When the inspector was started again, and the page stayed open."""
    with browser.page(f"{inspector.url}/?token=wrong") as page:
        page.wait_for("document.body?.textContent.includes('the token is missing or wrong')")


def test_a_page_whose_inspector_has_ended_says_so(browser, inspector, token):
    """Instead of showing old events as if there were no new ones."""
    with browser.page(f"{inspector.url}/?token={token}") as page:
        page.wait_for(HAS_LOOKED)
        inspector.close()
        page.wait_for("document.querySelector('#trouble').textContent.includes('does not answer')")
