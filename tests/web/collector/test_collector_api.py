"""The OpenAPI description of the collector, and requests generated from it."""

import json
import os
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from collector_requests import Site
from hypothesis import HealthCheck, settings

from eventtracking.web.collector.client_files import MEDIA_TYPES
from eventtracking.web.collector.refusals import EVENT_REASONS, REQUEST_REASONS
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
DESCRIPTION = json.loads((REFERENCE / "collector_openapi.json").read_text("utf-8"))

CASES = int(os.environ.get("API_CASES", "500"))


def test_the_description_has_every_reason_and_status():
    """A developer can look up any response."""
    components = DESCRIPTION["components"]
    errors = {}
    for response in components["responses"].values():
        properties = response["content"]["application/json"]["schema"]["properties"]
        errors.update(dict.fromkeys(properties["error"]["enum"]))
    [files] = DESCRIPTION["paths"]["/event/{name}"]["get"]["parameters"][:1]

    assert sorted(errors) == sorted(REQUEST_REASONS)
    assert components["schemas"]["Result"]["properties"]["reason"]["enum"] == [*EVENT_REASONS]
    assert files["schema"]["enum"] == [*MEDIA_TYPES]
    responses = DESCRIPTION["paths"]["/event"]["post"]["responses"]
    described = {int(status) for status in responses}
    assert described == {200, 400, 403, 413, 415, 429, 503}


class Silent(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    """A collector on a server of the standard library."""
    site = Site()
    options = {"tracker": site.tracker, "rate": None, "page_close_by_get": True}
    app = CollectorMiddleware(lambda *_: [], **options)
    site.collector = app.collector
    with make_server("127.0.0.1", 0, TrackMiddleware(app), handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        site.address = f"http://127.0.0.1:{server.server_port}"
        yield site
        server.shutdown()
        thread.join(60)


@pytest.mark.api
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("path", "method"),
    [("/event", "POST"), ("/event", "GET"), ("/event", "OPTIONS"), ("/event/{name}", "GET")],
)
def test_responses_match_the_description(site, path, method):
    """Status, media type and schema, for valid and invalid requests, and never a 5xx."""
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
    conformance = [
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
    def send(case):
        case.call_and_validate(checks=conformance)

    send()
    if (path, method) == ("/event", "POST"):
        stats = site.collector.stats()
        # The generated requests reach all parts of the collector.
        assert stats["accepted"]
        assert stats["refused"]
        assert {"malformed", "foreign_origin"} <= {*stats["requests"]["refused"]}


def _given(operation):
    from hypothesis import given

    return given(case=operation.as_strategy())
