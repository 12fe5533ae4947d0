"""The client as browsers load it: types, tags, and nothing but the three files."""

import io
import os

import pytest

from eventtracking.web.collector import Collector
from eventtracking.web.collector.client_files import FOLDER, TYPES, ClientFiles
from eventtracking.web.wsgi import CollectorMiddleware

SCRIPT = b"// a client\n"


@pytest.fixture
def files(tmp_path):
    for name in TYPES:
        (tmp_path / name).write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    return ClientFiles(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("eventtracking.js", "text/javascript; charset=utf-8"),
        ("eventtracking.mjs", "text/javascript; charset=utf-8"),
        ("eventtracking.d.mts", "application/typescript; charset=utf-8"),
        ("eventtracking.d.ts", "application/typescript; charset=utf-8"),
    ],
)
def test_each_file_has_its_type(files, name, kind):
    """A browser runs a module only if it is called JavaScript."""
    answer = files.answer(name, "GET", {})
    headers = dict(answer.headers)

    assert (answer.status, answer.body) == (200, SCRIPT)
    assert headers["Content-Type"] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "public, max-age=3600"


def test_a_browser_that_has_it_gets_it_not_again(files):
    """By its tag, alone or among others, weakened by a proxy or not."""
    etag = dict(files.answer("eventtracking.js", "GET", {}).headers)["ETag"]

    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = files.answer("eventtracking.js", "GET", {"if-none-match": header})
        assert (answer.status, answer.body) == (304, b"")
        assert dict(answer.headers)["ETag"] == etag
    for header in ("", '"other"', etag.strip('"')):
        assert files.answer("eventtracking.js", "GET", {"if-none-match": header}).status == 200


def test_a_file_that_changed_has_another_tag(files, tmp_path):
    """At the next request."""
    before = files.get("eventtracking.js")
    (tmp_path / "eventtracking.js").write_bytes(b"// another client\n")
    after = files.get("eventtracking.js")

    assert before.etag != after.etag
    assert after.content == b"// another client\n"
    assert files.get("eventtracking.js") is after


@pytest.mark.parametrize(
    "name", ["secret.txt", "../static/secret.txt", "", ".", "eventtracking.js/", "EVENTTRACKING.JS"]
)
def test_there_are_no_other_files(files, name):
    """Whatever lies beside them."""
    assert files.answer(name, "GET", {}).status == 404


def test_a_file_that_is_not_there_is_404(files, tmp_path):
    """And is there again when it is back."""
    os.remove(tmp_path / "eventtracking.mjs")

    assert files.answer("eventtracking.mjs", "GET", {}).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_are_only_read(files, method):
    """The answer says how."""
    answer = files.answer("eventtracking.js", method, {})

    assert (answer.status, dict(answer.headers)["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("name", TYPES)
def test_the_files_are_shipped(name):
    """Beside the collector, and served by it."""
    answer = Collector().client_file(name, "GET", {})

    assert answer.status == 200
    assert answer.body == (FOLDER / name).read_bytes()


def test_a_page_of_an_allowed_origin_may_load_the_module():
    """Modules come with CORS; anybody else's page gets no leave."""
    collector = Collector(allowed_origins=["https://a.example"])
    headers = [
        dict(collector.client_file("eventtracking.mjs", "GET", {"Origin": origin}).headers)
        for origin in ("https://a.example", "https://b.example")
    ]

    assert [each.get("Access-Control-Allow-Origin") for each in headers] == [
        "https://a.example",
        None,
    ]
    assert [each["Vary"] for each in headers] == ["Origin", "Origin"]


@pytest.mark.parametrize(("method", "has_body"), [("GET", True), ("HEAD", False)])
def test_the_client_lies_below_the_path(method, has_body):
    """Of a door."""
    started = []
    variables = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/event/eventtracking.js",
        "wsgi.input": io.BytesIO(),
    }
    body = CollectorMiddleware(None)(variables, lambda *given: started.append(given))
    [(status, headers)] = started
    size = (FOLDER / "eventtracking.js").stat().st_size

    assert (status, dict(headers)["Content-Length"]) == ("200 OK", str(size))
    assert bool(b"".join(body)) == has_body
