"""The web application: what it answers, and what it emits."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from threading import Barrier
from urllib.parse import quote_plus, urlsplit
from uuid import uuid4

import pytest

from eventtracking.demo import actions, server
from eventtracking.demo.application import MAX_BODY_BYTES

JSON = {"Content_Type": "application/json"}

FORMS = {
    "/enroll": {},
    "/leave": {},
    "/video/play": {"seconds": 0},
    "/video/pause": {"seconds": 59.5},
    "/answer": {"answer": "PlayVideo"},
    "/sign-in": {"password": uuid4().hex},
    "/essay": {"essay": "It happened."},
    "/scroll": {},
}

NOBODIES = ("", " ", "<b>", "x" * 41, 7, None, "a\n", "a\x00", ["ana"])

NO_SECONDS = (-1, 61, "5", None, True, [1], 10**30)

NO_PASSWORDS = ("", "x" * 7, "x" * 101, 12_345_678, None, ["x" * 8])

KEPT = [path for path in FORMS if path != "/scroll"]


class Elements(HTMLParser):
    """Every element of a page, as its tag and its attributes, and the texts of scripts."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, *tags):
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture
def page(site):
    return Elements(site.request("GET", "/")[2].decode())


def raw(site, request):
    """Send bytes that no client library would; return the whole answer."""
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), timeout=300) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.svg", "image/svg+xml"),
        ("/?utm=1", "text/html; charset=utf-8"),
    ],
)
def test_the_page_and_its_files_are_served(site, path, content_type):
    """Whole, and as what they are; HEAD says the same without them."""
    status, headers, body = site.request("GET", path)

    assert (status, headers["Content-Type"]) == (200, content_type)
    assert len(body) == int(headers["Content-Length"]) > 100
    status, head, nothing = site.request("HEAD", path)
    assert (status, head["Content-Length"], nothing) == (200, headers["Content-Length"], b"")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/x"), ("POST", "/enroll"), ("GET", "/enroll")]
)
def test_every_answer_allows_the_browser_nothing_foreign(site, method, path):
    """Errors too."""
    _, headers, _ = site.request(method, path)

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_needs_nothing_that_its_policy_forbids(page):
    """No script and no style stands in it, and it comes from nowhere else."""
    handlers = [
        name
        for _, attributes in page.found
        for name in attributes
        if name.startswith("on") or name == "style"
    ]
    sources = [s.get("src") or s["href"] for s in page.all("script", "link", "img")]

    assert handlers == []
    assert page.all("style") == []
    assert {*sources} == {"/page.svg", "/page.css", "/page.js", "/event/eventtracking.js"}


def test_the_page_writes_what_it_is_told_as_text(site):
    """What a user called himself cannot become part of the page."""
    script = site.request("GET", "/page.js")[2].decode()

    assert "textContent" in script
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


def test_everything_on_the_page_has_a_name(page):
    """For those who cannot see it."""
    labelled = {label.get("for") for label in page.all("label")}
    fields = [field for field in page.all("input", "progress") if field.get("type") != "radio"]

    assert page.all("html") == [{"lang": "en"}]
    assert {field["id"] for field in fields} - {"as-line"} <= labelled
    assert all("alt" in image for image in page.all("img"))
    assert all(button["type"] in ("button", "submit") for button in page.all("button"))


def test_the_page_offers_what_the_application_understands(page):
    """Each button is an action, each action has a button, and the answers are those known."""
    radios = [field["value"] for field in page.all("input") if field.get("type") == "radio"]
    [progress] = page.all("progress")

    assert {button["data-path"] for button in page.all("button")} == {*actions.ACTIONS} == {*FORMS}
    assert tuple(radios) == actions.CHOICES
    assert float(progress["max"]) == actions.VIDEO_SECONDS


@pytest.mark.parametrize("path", KEPT)
def test_an_action_is_an_event_in_its_contexts(site, path):
    """The user and the course as the application knows them, and the facts of the request."""
    body = json.dumps({"user": "zoë", **FORMS[path]})
    headers = {
        "X_Request_ID": "req-7",
        "User_Agent": "browser",
        "Referer": site.url,
        "Accept_Language": "pt",
        "Cookie": "_ga=GA1.2.11.22",
    }
    status, _, answer = site.request("POST", path, body.encode(), **JSON, **headers)

    [event] = site.events()
    assert (status, json.loads(answer)["event"]) == (200, event["name"])
    assert event["name"] == actions.ACTIONS[path].event
    assert event["context"] == {
        "request_id": "req-7",
        "session": "",
        "path": path,
        "ip": "127.0.0.1",
        "host": "127.0.0.1",
        "agent": "browser",
        "referer": site.url,
        "accept_language": "pt",
        "client_id": "11.22",
        "username": "zoë",
        "user_id": actions.user_of({"user": "zoë"})["user_id"],
        "course_id": actions.COURSE_ID,
        "org_id": "DemoX",
    }


@pytest.mark.parametrize(
    ("path", "form", "data"),
    [
        ("/enroll", {}, {"course_id": actions.COURSE_ID, "mode": "audit"}),
        ("/video/play", {"seconds": 1.5}, {"id": "welcome", "current_time": 1.5, "duration": 60.0}),
        (
            "/answer",
            {"answer": "edx.video.played"},
            {"problem_id": "event-names", "answer": "edx.video.played", "correct": True},
        ),
        (
            "/answer",
            {"answer": "PlayVideo"},
            {"problem_id": "event-names", "answer": "PlayVideo", "correct": False},
        ),
    ],
)
def test_an_event_has_the_data_of_its_action(site, path, form, data):
    """And nothing that the request slipped in."""
    assert site.act(path, **form, admin=True)[0] == 200
    assert [event["data"] for event in site.events()] == [data]


@pytest.mark.parametrize("ending", ["", " & = %41", "zoë", '"\\\n'])
def test_a_password_gets_no_further_than_the_application(site, log, ending):
    """Not as it was typed, and not as a form would have it: the rest of that stays."""
    password = uuid4().hex + ending
    status, answer = site.act("/sign-in", password=password)

    said = json.dumps(answer) + log.read_text("utf-8")
    [event] = site.events()
    assert status == 200
    assert password[:32] not in said
    assert quote_plus(password) not in said
    assert event["data"] == {
        "method": "password",
        "password": "[redacted]",
        "form": "username=ana&password=[redacted]",
    }


def test_a_password_that_is_refused_is_not_repeated(site):
    """An error page is read over the shoulder."""
    password = uuid4().hex * 4

    assert password not in site.act("/sign-in", password=password)[1]["error"]


def test_a_long_essay_is_cut_and_says_so(site, log):
    """The end of it is missing in the log; how much that is, is not."""
    essay = "It happened. " * 15_000
    status, answer = site.act("/essay", essay=essay)

    [event] = site.events()
    kept, _, mark = event["data"]["essay"].rpartition("[")
    assert status == 200
    assert [f"{line}\n" for line in answer["lines"]] == [log.read_text("utf-8")]
    assert log.stat().st_size <= 50_000
    assert essay.startswith(kept)
    assert mark == f"{len(essay) - len(kept)} bytes removed]"
    assert event["data"]["characters"] == len(essay)
    assert event["context"]["truncated"]["bytes"] > len(essay)
    assert event["context"]["truncated"]["paths"] == ["/data/essay"]


def test_an_essay_that_fits_is_whole(site):
    """Nobody is told of a cut that there was not."""
    essay = "It happened. " * 1000
    site.act("/essay", essay=essay)

    [event] = site.events()
    assert event["data"]["essay"] == essay
    assert "truncated" not in event["context"]


def test_the_longest_essay_of_the_page_is_accepted(page, site):
    """What can be chosen there is 2,000 characters a page."""
    [pages] = [field for field in page.all("input") if field.get("type") == "range"]

    assert site.act("/essay", essay="x" * (int(pages["max"]) * 2000))[0] == 200


def test_the_page_asks_for_a_password_that_the_application_takes(page):
    """Neither too short nor too long."""
    [field] = [field for field in page.all("input") if field.get("name") == "password"]

    assert int(field["minlength"]) == actions.MIN_PASSWORD_CHARACTERS
    assert int(field["maxlength"]) == actions.MAX_PASSWORD_CHARACTERS


def test_the_answer_holds_the_line_that_is_in_the_log(site, log):
    """What the page shows is what happened, to the letter."""
    _, answer = site.act("/enroll", user="zoë")

    assert [f"{line}\n" for line in answer["lines"]] == [log.read_text("utf-8")]


def test_an_event_that_the_filter_drops_is_in_no_log(site):
    """The page is told that nothing came of it."""
    assert site.act("/scroll") == (200, {"event": "edx.page.scrolled", "lines": []})
    assert site.events() == []


def test_many_users_at_once_each_have_their_own_events(site):
    """In the log, and in the answer to each."""
    names = [f"user {number}" for number in range(30)]
    start = Barrier(len(names), timeout=300)

    def use(name):
        start.wait()
        [line] = site.act("/video/play", user=name, seconds=1)[1]["lines"]
        return json.loads(line)["context"]["username"]

    with ThreadPoolExecutor(len(names)) as people:
        answered = [*people.map(use, names)]

    assert answered == names
    assert sorted(event["context"]["username"] for event in site.events()) == sorted(names)


def test_every_request_has_an_id(site):
    """One of its own, if it brought none."""
    site.act("/enroll")
    site.act("/enroll")
    ids = {event["context"]["request_id"] for event in site.events()}

    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_headers_of_any_bytes_and_length_do_no_harm(site):
    """Every byte of a header is a letter of the fact."""
    body = b'{"user": "ana"}'
    agent = "é".encode() + b"\xff" + b"x" * 5000
    head = b"POST /enroll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nUser-Agent: "
    answer = raw(site, head + agent + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    assert answer.startswith(b"HTTP/1.0 200 OK")
    [event] = site.events()
    assert event["context"]["agent"] == agent.decode("latin-1")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", FORMS)
def test_an_action_is_a_post_and_nothing_else(site, method, path):
    """A crawler that follows every address does nothing."""
    status, headers, _ = site.request(method, path)

    assert (status, headers["Allow"]) == (405, "POST")
    assert site.events() == []


def test_the_page_is_not_posted_to(site):
    """The answer says what it takes."""
    status, headers, _ = site.request("POST", "/", "{}", **JSON)

    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/x", "/page.py", "/../actions.py", "/enroll/", "/%2e%2e/"])
def test_what_is_not_there_is_not_found(site, method, path):
    """No path leads to a file that is not part of the page."""
    status, _, body = site.request(method, path, "{}" if method == "POST" else None, **JSON)

    assert (status, json.loads(body)) == (404, {"error": "there is nothing here"})


@pytest.mark.parametrize(
    ("path", "form"),
    [
        *((path, {**form, "user": user}) for path, form in FORMS.items() for user in NOBODIES),
        *(("/video/play", {"seconds": seconds}) for seconds in NO_SECONDS),
        *(("/answer", {"answer": answer}) for answer in ("", "x", None, 5, ["x"])),
        *(("/sign-in", {"password": password}) for password in NO_PASSWORDS),
        *(("/essay", {"essay": essay}) for essay in ("", None, 5, ["x"], "x" * 250_001)),
        ("/video/pause", {}),
        ("/answer", {}),
        ("/sign-in", {}),
        ("/essay", {}),
    ],
)
def test_bad_input_is_refused_with_its_reason(site, path, form):
    """Nothing is emitted, and the page can show why."""
    status, answer = site.act(path, **form)

    assert status == 400
    assert " must be " in answer["error"]
    assert site.events() == []


def test_an_infinity_is_no_json(site):
    """Though some writers of JSON write it."""
    assert site.act("/video/play", seconds=float("inf"))[0] == 400


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "null", '{"user": NaN}', b"\xff", "[" * 5000])
def test_a_body_that_is_no_json_object_is_refused(site, body):
    """With what is wrong about it."""
    status, _, answer = site.request("POST", "/enroll", body, **JSON)

    assert status == 400
    assert "the body" in json.loads(answer)["error"]
    assert site.events() == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(site, content_type):
    """So a page from elsewhere, which can send only these, cannot act for a user."""
    status, _, _ = site.request("POST", "/enroll", '{"user": "ana"}', Content_Type=content_type)

    assert status == 415
    assert site.events() == []


def test_a_type_with_parameters_is_the_same_type(site):
    """Some clients add the charset."""
    kind = "Application/JSON; charset=utf-8"

    assert site.request("POST", "/enroll", '{"user": "ana"}', Content_Type=kind)[0] == 200


@pytest.mark.parametrize("length", [MAX_BODY_BYTES + 1, 900_000])
def test_a_body_that_is_too_long_is_refused(site, length):
    """And whoever sent it gets to read why."""
    body = json.dumps({"user": "ana", "x": "x" * length})
    status, _, answer = site.request("POST", "/enroll", body, **JSON)

    assert (status, json.loads(answer)) == (413, {"error": f"at most {MAX_BODY_BYTES} bytes"})
    assert site.events() == []


@pytest.mark.parametrize("length", ["-5", "x", "1e3", "9" * 19, "9" * 5000])
def test_a_length_that_is_no_number_is_refused(site, length):
    """Reading until the end of a connection that stays open would take for ever."""
    request = f"POST /enroll HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"

    assert raw(site, request.encode()).startswith(b"HTTP/1.0 400 Bad Request")


def test_a_body_that_ends_early_is_refused(site):
    """The client broke off: what it meant is unknown."""
    request = (
        b"POST /enroll HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )

    assert raw(site, request).startswith(b"HTTP/1.0 400 Bad Request")
    assert site.events() == []


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch, site):
    """A client that sleeps holds a thread for a while, and no longer."""
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    address = urlsplit(site.url)
    request = (
        b"POST /enroll HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=300) as connection:
        connection.sendall(request)
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.0 408 Request Timeout")


def test_a_client_that_says_nothing_is_let_go_in_silence(monkeypatch, site, caplog, capsys):
    """Browsers open connections in advance: that is no error to log."""
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), timeout=300) as connection:
        assert connection.recv(100) == b""

    assert (caplog.text, capsys.readouterr().err) == ("", "")


@pytest.mark.parametrize("request_id", ["x" * 65, "a b", "é", "{}"])
def test_a_request_id_is_a_word(site, request_id):
    """It ends up in the log."""
    body = '{"user": "ana"}'
    status, _, _ = site.request("POST", "/enroll", body, **JSON, X_Request_ID=request_id)

    assert status == 400
    assert site.events() == []
