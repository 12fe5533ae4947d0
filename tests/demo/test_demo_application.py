"""The web application of the demo: its responses and its events."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from threading import Barrier
from urllib.parse import quote_plus, urlsplit
from uuid import uuid4

import pytest

from eventtracking.demo import actions
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

INVALID_USERS = ("", " ", "<b>", "x" * 41, 7, None, "a\n", "a\x00", ["ana"])

INVALID_SECONDS = (-1, 61, "5", None, True, [1], 10**30)

INVALID_PASSWORDS = ("", "x" * 7, "x" * 101, 12_345_678, None, ["x" * 8])

LOGGED = [path for path in FORMS if path != "/scroll"]


class Elements(HTMLParser):
    """Every element of a page, as its tag and its attributes."""

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


def send_raw(site, request):
    """Send *request* unchanged; return all bytes of the response."""
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
    """With their types. HEAD gets the same headers without a body."""
    status, headers, body = site.request("GET", path)

    assert (status, headers["Content-Type"]) == (200, content_type)
    assert len(body) == int(headers["Content-Length"]) > 100
    status, head, empty = site.request("HEAD", path)
    assert (status, head["Content-Length"], empty) == (200, headers["Content-Length"], b"")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/x"), ("POST", "/enroll"), ("GET", "/enroll")]
)
def test_every_response_has_strict_headers(site, method, path):
    """Errors have them, too."""
    _, headers, _ = site.request(method, path)

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_needs_nothing_that_its_policy_forbids(page):
    """Its scripts and styles are files of their own, on the same server."""
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


def test_the_page_inserts_values_as_text(site):
    """The name of a user cannot become HTML."""
    script = site.request("GET", "/page.js")[2].decode()

    assert "textContent" in script
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


def test_every_control_of_the_page_has_a_label(page):
    """For users of screen readers."""
    labelled = {label.get("for") for label in page.all("label")}
    fields = [field for field in page.all("input", "progress") if field.get("type") != "radio"]

    assert page.all("html") == [{"lang": "en"}]
    assert {field["id"] for field in fields} - {"as-line"} <= labelled
    assert all("alt" in image for image in page.all("img"))
    assert all(button["type"] in ("button", "submit") for button in page.all("button"))


def test_the_page_offers_the_actions_of_the_application(page):
    """Each action has a button, and the choices and the length of the video are the same."""
    radios = [field["value"] for field in page.all("input") if field.get("type") == "radio"]
    [progress] = page.all("progress")

    assert {button["data-path"] for button in page.all("button")} == {*actions.ACTIONS} == {*FORMS}
    assert tuple(radios) == actions.CHOICES
    assert float(progress["max"]) == actions.VIDEO_SECONDS


@pytest.mark.parametrize("path", LOGGED)
def test_an_action_is_an_event_in_its_contexts(site, path):
    """With the user and the course of the application, and the facts of the request."""
    body = json.dumps({"user": "zoë", **FORMS[path]})
    headers = {
        "X_Request_ID": "req-7",
        "User_Agent": "browser",
        "Referer": site.url,
        "Accept_Language": "pt",
        "Cookie": "_ga=GA1.2.11.22",
    }
    status, _, response = site.request("POST", path, body.encode(), **JSON, **headers)

    [event] = site.events()
    assert (status, json.loads(response)["event"]) == (200, event["name"])
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
        "user_id": actions.user_context({"user": "zoë"})["user_id"],
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
    """Other fields of the request are ignored."""
    assert site.act(path, **form, admin=True)[0] == 200
    assert [event["data"] for event in site.events()] == [data]


@pytest.mark.parametrize("ending", ["", " & = %41", "zoë", '"\\\n'])
def test_a_password_is_neither_in_the_log_nor_in_the_response(site, log, ending):
    """Neither as it was typed nor URL-encoded. The rest of the URL-encoded form is kept."""
    password = uuid4().hex + ending
    status, response = site.act("/sign-in", password=password)

    texts = json.dumps(response) + log.read_text("utf-8")
    [event] = site.events()
    assert status == 200
    assert password[:32] not in texts
    assert quote_plus(password) not in texts
    assert event["data"] == {
        "method": "password",
        "password": "[redacted]",
        "form": "username=ana&password=[redacted]",
    }


def test_the_error_for_a_refused_password_does_not_contain_it(site):
    """Other people may see the error on the screen."""
    password = uuid4().hex * 4

    assert password not in site.act("/sign-in", password=password)[1]["error"]


def test_a_long_essay_is_truncated_and_marked(site, log):
    """The event tells how many bytes are missing."""
    essay = "It happened. " * 15_000
    status, response = site.act("/essay", essay=essay)

    [event] = site.events()
    kept, _, mark = event["data"]["essay"].rpartition("[")
    assert status == 200
    assert [f"{line}\n" for line in response["lines"]] == [log.read_text("utf-8")]
    assert log.stat().st_size <= 50_000
    assert essay.startswith(kept)
    assert mark == f"{len(essay) - len(kept)} bytes removed]"
    assert event["data"]["characters"] == len(essay)
    assert event["context"]["truncated"]["bytes"] > len(essay)
    assert event["context"]["truncated"]["paths"] == ["/data/essay"]


def test_an_essay_within_the_limit_is_complete(site):
    """It is not marked as truncated."""
    essay = "It happened. " * 1000
    site.act("/essay", essay=essay)

    [event] = site.events()
    assert event["data"]["essay"] == essay
    assert "truncated" not in event["context"]


def test_the_longest_essay_of_the_page_is_accepted(page, site):
    """The page offers 2,000 characters for each page of an essay."""
    [pages] = [field for field in page.all("input") if field.get("type") == "range"]

    assert site.act("/essay", essay="x" * (int(pages["max"]) * 2000))[0] == 200


def test_the_page_has_the_password_limits_of_the_application(page):
    """The minimum and the maximum length."""
    [field] = [field for field in page.all("input") if field.get("name") == "password"]

    assert int(field["minlength"]) == actions.MIN_PASSWORD_CHARACTERS
    assert int(field["maxlength"]) == actions.MAX_PASSWORD_CHARACTERS


def test_the_response_holds_the_line_in_the_log(site, log):
    """The page shows exactly that."""
    _, response = site.act("/enroll", user="zoë")

    assert [f"{line}\n" for line in response["lines"]] == [log.read_text("utf-8")]


def test_an_event_that_the_filter_drops_is_not_in_the_log(site):
    """The response holds no line."""
    assert site.act("/scroll") == (200, {"event": "edx.page.scrolled", "lines": []})
    assert site.events() == []


def test_many_users_at_once_each_have_their_own_events(site):
    """In the log, and in their responses."""
    names = [f"user {number}" for number in range(30)]
    start = Barrier(len(names), timeout=300)

    def use(name):
        start.wait()
        [line] = site.act("/video/play", user=name, seconds=1)[1]["lines"]
        return json.loads(line)["context"]["username"]

    with ThreadPoolExecutor(len(names)) as threads:
        received = [*threads.map(use, names)]

    assert received == names
    assert sorted(event["context"]["username"] for event in site.events()) == sorted(names)


def test_every_request_has_an_id(site):
    """A new one, unless the request has one."""
    site.act("/enroll")
    site.act("/enroll")
    ids = {event["context"]["request_id"] for event in site.events()}

    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_a_header_may_hold_any_bytes(site):
    """Each byte is a character of the fact in the event."""
    body = b'{"user": "ana"}'
    agent = "é".encode() + b"\xff" + b"x" * 5000
    head = b"POST /enroll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nUser-Agent: "
    response = send_raw(site, head + agent + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    assert response.startswith(b"HTTP/1.0 200 OK")
    [event] = site.events()
    assert event["context"]["agent"] == agent.decode("latin-1")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", FORMS)
def test_an_action_requires_the_method_post(site, method, path):
    """A crawler that follows links triggers nothing."""
    status, headers, _ = site.request(method, path)

    assert (status, headers["Allow"]) == (405, "POST")
    assert site.events() == []


def test_the_page_cannot_be_posted_to(site):
    """The response names the allowed methods."""
    status, headers, _ = site.request("POST", "/", "{}", **JSON)

    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/x", "/page.py", "/../actions.py", "/enroll/", "/%2e%2e/"])
def test_other_paths_are_not_found(site, method, path):
    """No path leads to other files of the package."""
    status, _, body = site.request(method, path, "{}" if method == "POST" else None, **JSON)

    assert (status, json.loads(body)) == (404, {"error": "not found"})


@pytest.mark.parametrize(
    ("path", "form"),
    [
        *((path, {**form, "user": user}) for path, form in FORMS.items() for user in INVALID_USERS),
        *(("/video/play", {"seconds": seconds}) for seconds in INVALID_SECONDS),
        *(("/answer", {"answer": answer}) for answer in ("", "x", None, 5, ["x"])),
        *(("/sign-in", {"password": password}) for password in INVALID_PASSWORDS),
        *(("/essay", {"essay": essay}) for essay in ("", None, 5, ["x"], "x" * 250_001)),
        ("/video/pause", {}),
        ("/answer", {}),
        ("/sign-in", {}),
        ("/essay", {}),
    ],
)
def test_invalid_input_is_refused_with_the_reason(site, path, form):
    """The page can show it. No event is emitted."""
    status, response = site.act(path, **form)

    assert status == 400
    assert " must be " in response["error"]
    assert site.events() == []


def test_infinity_is_not_json(site):
    """Though some libraries write it."""
    assert site.act("/video/play", seconds=float("inf"))[0] == 400


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "null", '{"user": NaN}', b"\xff", "[" * 5000])
def test_a_body_that_is_not_a_json_object_is_refused(site, body):
    """With the reason."""
    status, _, response = site.request("POST", "/enroll", body, **JSON)

    assert status == 400
    assert "the body" in json.loads(response)["error"]
    assert site.events() == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(site, content_type):
    """A page of another origin can send only these, so it cannot act for a user."""
    status, _, _ = site.request("POST", "/enroll", '{"user": "ana"}', Content_Type=content_type)

    assert status == 415
    assert site.events() == []


def test_a_type_with_parameters_is_the_same_type(site):
    """Some clients add the charset."""
    kind = "Application/JSON; charset=utf-8"

    assert site.request("POST", "/enroll", '{"user": "ana"}', Content_Type=kind)[0] == 200


@pytest.mark.parametrize("length", [MAX_BODY_BYTES + 1, 900_000])
def test_a_body_that_is_too_long_is_refused(site, length):
    """The client gets the reason."""
    body = json.dumps({"user": "ana", "x": "x" * length})
    status, _, response = site.request("POST", "/enroll", body, **JSON)

    error = f"the body is over {MAX_BODY_BYTES} bytes"
    assert (status, json.loads(response)) == (413, {"error": error})
    assert site.events() == []


@pytest.mark.parametrize("length", ["-5", "x", "1e3", "9" * 19, "9" * 5000])
def test_a_length_that_is_not_a_number_is_refused(site, length):
    """Reading until the client closes the connection could take for ever."""
    request = f"POST /enroll HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"

    assert send_raw(site, request.encode()).startswith(b"HTTP/1.0 400 Bad Request")


def test_a_body_that_ends_early_is_refused(site):
    """The client disconnected, and the rest of the request is unknown."""
    request = (
        b"POST /enroll HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )

    assert send_raw(site, request).startswith(b"HTTP/1.0 400 Bad Request")
    assert site.events() == []


def test_a_body_that_does_not_arrive_is_refused(serve):
    """A silent client occupies a thread for a limited time."""
    address = urlsplit(serve(idle_seconds=0.2).url)
    request = (
        b"POST /enroll HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=300) as connection:
        connection.sendall(request)
        response = connection.recv(65_536)

    assert response.startswith(b"HTTP/1.0 408 Request Timeout")


def test_a_silent_client_is_disconnected_and_nothing_is_logged(serve, caplog, capsys):
    """Browsers open connections in advance. That is not an error."""
    address = urlsplit(serve(idle_seconds=0.2).url)
    with socket.create_connection((address.hostname, address.port), timeout=300) as connection:
        assert connection.recv(100) == b""

    assert (caplog.text, capsys.readouterr().err) == ("", "")


@pytest.mark.parametrize("request_id", ["x" * 65, "a b", "é", "{}"])
def test_an_invalid_request_id_is_refused(site, request_id):
    """It would be in the log."""
    body = '{"user": "ana"}'
    status, _, _ = site.request("POST", "/enroll", body, **JSON, X_Request_ID=request_id)

    assert status == 400
    assert site.events() == []
