"""The client's files as the collector serves them: media types, ETags and allowed names."""

import io
import os

import pytest

from eventtracking.web.collector import Collector
from eventtracking.web.collector.client_files import FOLDER, MEDIA_TYPES, ClientFiles
from eventtracking.web.wsgi import CollectorMiddleware

SCRIPT = b"// a client\n"


@pytest.fixture
def files(tmp_path):
    for name in MEDIA_TYPES:
        (tmp_path / name).write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    return ClientFiles(tmp_path)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("eventtracking.js", "text/javascript; charset=utf-8"),
        ("eventtracking.mjs", "text/javascript; charset=utf-8"),
        ("eventtracking.d.mts", "application/typescript; charset=utf-8"),
        ("eventtracking.d.ts", "application/typescript; charset=utf-8"),
    ],
)
def test_each_file_has_its_media_type(files, name, media_type):
    """A browser runs a module only if its media type is JavaScript."""
    response = files.response(name, "GET", {})
    headers = dict(response.headers)

    assert (response.status, response.body) == (200, SCRIPT)
    assert headers["Content-Type"] == media_type
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "public, max-age=3600"


def test_a_file_that_the_browser_has_is_not_sent_again(files):
    """The ETag may be one of several, and a proxy may have made it weak."""
    etag = dict(files.response("eventtracking.js", "GET", {}).headers)["ETag"]

    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = files.response("eventtracking.js", "GET", {"if-none-match": header})
        assert (response.status, response.body) == (304, b"")
        assert dict(response.headers)["ETag"] == etag
    for header in ("", '"other"', etag.strip('"')):
        assert files.response("eventtracking.js", "GET", {"if-none-match": header}).status == 200


def test_a_changed_file_has_a_new_etag(files, tmp_path):
    """At the next request, without a restart."""
    before = files.get("eventtracking.js")
    (tmp_path / "eventtracking.js").write_bytes(b"// another client\n")
    after = files.get("eventtracking.js")

    assert before.etag != after.etag
    assert after.content == b"// another client\n"
    assert files.get("eventtracking.js") is after


@pytest.mark.parametrize(
    "name", ["secret.txt", "../static/secret.txt", "", ".", "eventtracking.js/", "EVENTTRACKING.JS"]
)
def test_no_other_file_is_served(files, name):
    """Not even one in the same directory."""
    assert files.response(name, "GET", {}).status == 404


def test_a_missing_file_is_not_found(files, tmp_path):
    """The response has status 404."""
    os.remove(tmp_path / "eventtracking.mjs")

    assert files.response("eventtracking.mjs", "GET", {}).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_cannot_be_changed(files, method):
    """The response names the allowed methods."""
    response = files.response("eventtracking.js", method, {})

    assert (response.status, dict(response.headers)["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_the_collector_serves_the_files_of_the_package(name):
    """All of them are shipped."""
    response = Collector().client_file(name, "GET", {})

    assert response.status == 200
    assert response.body == (FOLDER / name).read_bytes()


def test_a_page_of_an_allowed_origin_may_load_the_module():
    """Browsers load modules from another origin only with CORS headers."""
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
def test_the_middleware_serves_the_client_below_its_path(method, has_body):
    """A `HEAD` request gets the headers without the body."""
    started = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/event/eventtracking.js",
        "wsgi.input": io.BytesIO(),
    }
    body = CollectorMiddleware(None)(environ, lambda *args: started.append(args))
    [(status, headers)] = started
    size = (FOLDER / "eventtracking.js").stat().st_size

    assert (status, dict(headers)["Content-Length"]) == ("200 OK", str(size))
    assert bool(b"".join(body)) == has_body
