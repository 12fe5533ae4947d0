"""The description of the collector's API, and the collector held against it."""

import json
import os
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from collector_requests import Site
from hypothesis import HealthCheck, settings

from eventtracking.web.collector.client_files import TYPES
from eventtracking.web.collector.refusals import EVENT_REASONS, REQUEST_REASONS
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
DESCRIPTION = json.loads((REFERENCE / "collector_openapi.json").read_text("utf-8"))

CASES = int(os.environ.get("API_CASES", "500"))


def test_the_description_knows_every_reason_and_status():
    """What a client may meet, it can look up."""
    components = DESCRIPTION["components"]
    errors = {}
    for answers in components["responses"].values():
        properties = answers["content"]["application/json"]["schema"]["properties"]
        errors.update(dict.fromkeys(properties["error"]["enum"]))
    [files] = DESCRIPTION["paths"]["/event/{name}"]["get"]["parameters"][:1]

    assert sorted(errors) == sorted(REQUEST_REASONS)
    assert components["schemas"]["Result"]["properties"]["reason"]["enum"] == [*EVENT_REASONS]
    assert files["schema"]["enum"] == [*TYPES]
    answers = DESCRIPTION["paths"]["/event"]["post"]["responses"]
    described = {int(status) for status in answers}
    assert described == {200, 400, 403, 413, 415, 429, 503}


class Silent(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    """A collector on a server of the standard library."""
    made = Site()
    options = {"tracker": made.tracker, "rate": None, "page_close_by_get": True}
    app = CollectorMiddleware(lambda *_: [], **options)
    made.collector = app.collector
    with make_server("127.0.0.1", 0, TrackMiddleware(app), handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        made.address = f"http://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()
        thread.join(60)


@pytest.mark.api
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("path", "method"),
    [("/event", "POST"), ("/event", "GET"), ("/event", "OPTIONS"), ("/event/{name}", "GET")],
)
def test_the_collector_answers_as_its_description_says(site, path, method):
    """To good requests and to bad ones: the status, the type and the shape, and never a 5xx."""
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis import GenerationMode, checks
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    schema.config.update(base_url=site.address)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    held = [
        checks.not_a_server_error,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    ]

    @settings(
        max_examples=CASES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @_given(schema[path][method])
    def ask(case):
        case.call_and_validate(checks=held)

    ask()
    if (path, method) == ("/event", "POST"):
        books = site.collector.stats()
        # They were not all turned away at the door.
        assert books["accepted"]
        assert books["refused"]
        assert {"malformed", "foreign_origin"} <= {*books["requests"]["refused"]}


def _given(operation):
    from hypothesis import given

    return given(case=operation.as_strategy())
