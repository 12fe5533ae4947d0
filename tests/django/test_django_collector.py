"""The collector in a Django project: views, CSRF tokens, template tag, system checks."""

import json
from types import SimpleNamespace

import pytest
import visitors
from django.conf import settings
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.template import Context, Engine
from django.test import Client, RequestFactory, override_settings
from django.test.client import MULTIPART_CONTENT
from django.urls import include, path, reverse

from eventtracking.django import checks
from eventtracking.django.collecting import current_collector
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.testing import capture_events
from eventtracking.web.collector import CLIENT_FILES

BODY = json.dumps(
    {"sent_at": "2026-01-02T03:04:05Z", "events": [{"id": None, "name": "video.played"}]}
)
FORM = "application/x-www-form-urlencoded"

urlpatterns = [
    path("", include("eventtracking.django.urls")),
    path("event/<int:number>", lambda _, number: HttpResponse(f"the event number {number}")),
    path("token", lambda request: HttpResponse(get_token(request))),
]

PROJECT = {
    "ALLOWED_HOSTS": ["testserver", "shop.example"],
    "AUTHENTICATION_BACKENDS": ["visitors.Backend"],
    "EVENT_TRACKING_COLLECTOR": {"rate": None},
    "EVENT_TRACKING_PROCESSORS": [
        {"ENGINE": "eventtracking.processors.request_context.RequestContext"}
    ],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "eventtracking.django.middleware.TrackMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    "ROOT_URLCONF": __name__,
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
}


@pytest.fixture(autouse=True)
def _project():
    with override_settings(**PROJECT):
        yield


@pytest.fixture
def events():
    with capture_events() as captured:
        yield captured


def client(user_id=None, **options):
    made = Client(**options)
    if user_id is not None:
        made.cookies[settings.SESSION_COOKIE_NAME] = visitors.session_key(user_id)
    return made


def post(client, body=BODY, kind="application/json", origin="http://testserver", **request):
    headers = {"origin": origin} if origin else {}
    headers.update(request.pop("headers", {}))
    return client.post("/event", body, content_type=kind, headers=headers, **request)


def test_an_event_is_emitted_within_its_request(events):
    """The processors can read the facts about the request."""
    from eventtracking.processors.request_context import RequestContext
    from eventtracking.tracker import get_tracker

    get_tracker().routing_backend.processors.append(RequestContext())
    response = post(client(7))

    assert response.status_code == 200
    assert response.json() == {"results": [{"id": None, "status": "accepted"}]}
    [event] = events
    assert (event["context"]["user_id"], event["context"]["username"]) == (7, "user-7")
    assert event["context"]["event_source"] == "browser"
    assert len(event["context"]["session"]) == 32


@pytest.mark.parametrize(
    ("enabled", "status"), [(False, 200), (True, 503)], ids=["disabled", "not_configured"]
)
def test_events_are_unavailable_without_a_tracker_unless_tracking_is_disabled(enabled, status):
    """If it is disabled, they are accepted, so that browsers do not store them."""
    with override_settings(EVENT_TRACKING_ENABLED=enabled):
        response = post(client())

    assert response.status_code == status


def test_the_legacy_form_is_accepted(events):
    """The event has the username."""
    response = post(client(7), "event_type=play_video&event=%5B1%5D&page=", FORM)

    assert (response.status_code, response.content) == (200, b"success")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert (events[0]["name"], events[0]["data"]) == ("play_video", [1])
    assert events[0]["context"]["username"] == "user-7"


@pytest.mark.parametrize(
    ("middleware", "user_id", "username"),
    [
        (PROJECT["MIDDLEWARE"], 7, "user-7"),
        (PROJECT["MIDDLEWARE"], None, ""),
        (PROJECT["MIDDLEWARE"][:2], 7, "user-7"),
        ([], None, "anonymous"),
    ],
)
def test_the_username_depends_on_the_middleware(events, middleware, user_id, username):
    """It is empty if nobody is logged in, and "anonymous" without authentication."""
    with override_settings(MIDDLEWARE=middleware):
        post(client(user_id), "event_type=a", FORM)

    assert events[0]["context"]["username"] == username


@pytest.mark.parametrize("enforcing", [False, True])
def test_a_page_of_another_site_is_refused(events, enforcing):
    """Even if Django's own check is disabled, as in most tests."""
    made = client(7, enforce_csrf_checks=enforcing)

    assert post(made, origin="https://evil.example").status_code == 403
    assert post(made, origin=None).status_code == 403
    assert (
        post(made, origin="https://evil.example", headers={"x-csrftoken": "x" * 32}).status_code
        == 403
    )
    assert events == []


def test_a_valid_token_takes_the_place_of_an_allowed_origin(events):
    """In the header that Django reads, as old pages send it."""
    made = client(7, enforce_csrf_checks=True)
    token = made.get("/token").content.decode()

    sent = post(made, "event_type=a", FORM, origin=None, headers={"x-csrftoken": token})
    wrong = post(made, "event_type=a", FORM, origin=None, headers={"x-csrftoken": token[::-1]})

    assert (sent.status_code, wrong.status_code) == (200, 403)
    assert [event["name"] for event in events] == ["a"]


def test_a_valid_token_may_be_a_field_of_the_form(events):
    """As in Django's forms. It is not part of the event."""
    made = client(7, enforce_csrf_checks=True)
    token = made.get("/token").content.decode()
    fields = f"event_type=a&csrfmiddlewaretoken={token}"

    sent = post(made, fields, FORM, origin=None)
    wrong = post(made, fields.replace(token, token[::-1]), FORM, origin=None)
    large = post(made, fields + "&event=" + "a" * 65_536, FORM, origin=None)
    as_json = post(made, fields, origin=None)

    statuses = [each.status_code for each in (sent, wrong, large, as_json)]
    assert statuses == [200, 403, 403, 403]
    assert token not in str(events)
    assert len(events) == 1


def test_a_valid_token_may_be_a_field_of_a_multipart_form(events):
    """The collector can still read the form afterwards."""
    made = client(7, enforce_csrf_checks=True)
    token = made.get("/token").content.decode()
    fields = {"event_type": "a", "csrfmiddlewaretoken": token}

    sent = made.post("/event", fields)
    wrong = made.post("/event", {**fields, "csrfmiddlewaretoken": token[::-1]})
    broken = post(made, b"--x", "multipart/form-data; boundary=x", origin=None)

    statuses = [each.status_code for each in (sent, wrong, broken)]
    assert statuses == [200, 403, 403]
    assert [event["name"] for event in events] == ["a"]


@pytest.mark.parametrize("length", ["\u00b2", "1" * 5_000, "x"])
def test_an_invalid_length_is_refused_without_an_exception(length):
    """Even when a form is searched for a token."""
    request = RequestFactory().post("/event", "event_type=a", content_type=FORM)
    request.META["CONTENT_LENGTH"] = length
    request.META["HTTP_COOKIE"] = "a=b"

    from eventtracking.django import views

    assert views.event(request).status_code in (400, 403)


def test_the_form_of_the_test_client_is_accepted(events):
    """Like `FormData`, it sends a multipart form by default."""
    response = client(7).post(
        "/event",
        {"event_type": "play_video", "event": "[1]"},
        headers={"origin": "http://testserver"},
    )

    assert (response.status_code, response.content) == (200, b"success")
    assert (events[0]["name"], events[0]["data"]) == ("play_video", [1])


def test_no_token_is_needed_if_the_origin_is_allowed(events):
    """A beacon cannot have one."""
    assert post(client(7, enforce_csrf_checks=True), kind="text/plain").status_code == 200
    assert len(events) == 1


def test_an_unknown_host_is_refused():
    """As by any view in Django."""
    made = client()

    assert post(made, headers={"host": "evil.example"}).status_code == 400


def test_the_host_behind_a_proxy_is_that_of_django(events):
    """The setting for the forwarded host applies."""
    forwarded = {"x-forwarded-host": "shop.example"}
    made = client()

    refused = post(made, origin="https://shop.example", headers=forwarded)
    with override_settings(USE_X_FORWARDED_HOST=True):
        accepted = post(made, origin="https://shop.example", headers=forwarded)

    assert (refused.status_code, accepted.status_code) == (403, 200)


def test_the_limit_of_django_applies_too(events):
    """The smaller of both counts."""
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10):
        assert post(client()).status_code == 413
    assert post(client(), " " * 65_537).status_code == 413
    assert events == []


@pytest.mark.parametrize("kind", [FORM, MULTIPART_CONTENT])
def test_a_form_that_middleware_has_read_is_accepted(events, kind):
    """With both media types."""

    class Reader:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            assert request.POST["event_type"] == "a"
            return self.get_response(request)

    reader = f"{__name__}.{Reader.__name__}"
    globals()[Reader.__name__] = Reader
    with override_settings(MIDDLEWARE=[*PROJECT["MIDDLEWARE"], reader]):
        body = (
            "event_type=a&event=%C3%A9" if kind == FORM else {"event_type": "a", "event": "\u00e9"}
        )
        assert post(client(), body, kind).content == b"success"
    assert [(event["name"], event["data"]) for event in events] == [("a", "\u00e9")]


def test_a_body_that_middleware_has_read_from_the_stream_is_malformed():
    """It cannot be read again."""
    request = RequestFactory().post("/event", BODY, content_type="application/json")
    request.read(5)

    from eventtracking.django import views

    assert views.event(request).status_code == 400


def test_the_client_is_served_with_an_etag():
    """Below the path of events."""
    made = client()
    response = made.get("/event/eventtracking.js")

    assert response.status_code == 200
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    again = made.get("/event/eventtracking.js", headers={"if-none-match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert made.get("/event/secret.txt").status_code == 404


def test_a_project_may_have_other_paths_below_that_of_events():
    """Only the files of the client are matched."""
    response = client().get("/event/17")

    assert response.content == b"the event number 17"


def test_the_collector_is_the_same_until_its_setting_changes(events):
    """So that it keeps its statistics and its event ids."""
    with override_settings(EVENT_TRACKING_COLLECTOR={"rate": None}):
        first = current_collector()
        post(client())
        post(client())
        assert first.stats()["accepted"] == 2
    with override_settings(EVENT_TRACKING_COLLECTOR={"reserved_prefixes": ["video."]}):
        refused = post(client())
        other = current_collector()

    assert refused.json()["results"][0]["reason"] == "reserved_name"
    assert other is not first
    with override_settings(EVENT_TRACKING_COLLECTOR=None):
        assert current_collector() is current_collector()


def render(source, **context):
    engine = Engine(libraries={"eventtracking": "eventtracking.django.templatetags.eventtracking"})
    return engine.from_string("{% load eventtracking %}" + source).render(Context(context))


def client_url():
    return f"/event/eventtracking.js?v={CLIENT_FILES.get('eventtracking.js').etag.strip(chr(34))}"


def test_the_tag_loads_the_client():
    """It has the URL for events. The URL of the client changes with the file."""
    assert render("{% eventtracking_js %}") == (
        f'<script src="{client_url()}" data-endpoint="/event"></script>'
    )


def test_the_arguments_of_the_tag_are_the_options_of_the_client():
    """True and false become on and off, and quotation marks are escaped."""
    tag = render(
        '{% eventtracking_js page_views=True page_close="on" debug=False note=text %}',
        text='"><script>',
    )

    assert tag.endswith(
        ' data-endpoint="/event" data-page-views="on" data-page-close="on" data-debug="off"'
        ' data-note="&quot;&gt;&lt;script&gt;"></script>'
    )


def test_the_endpoint_is_an_argument():
    """For example, that of a collector on another site."""
    tag = render('{% eventtracking_js endpoint="https://events.example/event" %}')

    assert 'data-endpoint="https://events.example/event"' in tag


@pytest.mark.parametrize(
    "context",
    [
        {"csp_nonce": "n0nce"},
        {"request": SimpleNamespace(csp_nonce="n0nce")},
        {"csp_nonce": "n0nce", "request": SimpleNamespace(csp_nonce="other")},
    ],
)
def test_the_tag_has_the_nonce_of_the_content_security_policy(context):
    """From the context of the template, or from the request."""
    assert ' nonce="n0nce" ' in render("{% eventtracking_js %}", **context)


@pytest.mark.parametrize("context", [{}, {"csp_nonce": ""}, {"request": SimpleNamespace()}])
def test_the_tag_has_no_nonce_without_a_policy(context):
    """Nor an empty one."""
    assert "nonce" not in render("{% eventtracking_js %}", **context)


def test_the_urls_have_names():
    """For templates that load the module without the tag."""
    assert reverse("eventtracking:event") == "/event"
    assert reverse("eventtracking:client", args=["eventtracking.mjs"]) == "/event/eventtracking.mjs"


def messages(**overrides):
    with override_settings(**overrides):
        return [(message.id, message.msg) for message in checks.check_settings()]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], None),
        ({}, None),
        (None, None),
        (5, "EVENT_TRACKING_COLLECTOR must be a mapping such as {'max_events': 100}, got 5"),
        (
            {"max_evnts": 5},
            "EVENT_TRACKING_COLLECTOR has no option 'max_evnts'. Did you mean 'max_events'?",
        ),
        (
            {"rate": 0},
            "EVENT_TRACKING_COLLECTOR: rate must be a number above 0, or None, got 0",
        ),
    ],
)
def test_wrong_options_are_an_error_of_the_checks(options, problem):
    """And when the collector is built."""
    found = messages(EVENT_TRACKING_COLLECTOR=options)

    assert found == ([("eventtracking.E007", problem)] if problem else [])
    if problem:
        with (
            override_settings(EVENT_TRACKING_COLLECTOR=options),
            pytest.raises(ImproperlyConfigured),
        ):
            current_collector()


def test_each_wrong_option_is_an_error():
    """In its own message."""
    options = {"max_evnts": 5, "rate": 0, "burst": 0}
    found = messages(EVENT_TRACKING_COLLECTOR=options)

    assert found == [
        (
            "eventtracking.E007",
            "EVENT_TRACKING_COLLECTOR has no option 'max_evnts'. Did you mean 'max_events'?",
        ),
        (
            "eventtracking.E007",
            "EVENT_TRACKING_COLLECTOR: rate must be a number above 0, or None, got 0",
        ),
        (
            "eventtracking.E007",
            "EVENT_TRACKING_COLLECTOR: burst must be a whole number of requests, 1 or more, got 0",
        ),
    ]


@pytest.mark.parametrize("urls", [f"{__name__}_none", "django.contrib.auth.urls"])
def test_options_without_a_url_are_a_warning(urls):
    """They have no effect."""
    import sys

    sys.modules.setdefault(f"{__name__}_none", SimpleNamespace(urlpatterns=[]))
    [(number, text)] = messages(ROOT_URLCONF=urls)

    assert number == "eventtracking.W008"
    assert text.startswith("EVENT_TRACKING_COLLECTOR is set but has no effect")


def test_options_with_a_url_are_not_a_warning():
    """Nor is a missing setting."""
    assert messages() == []
    assert messages(EVENT_TRACKING_COLLECTOR=None, ROOT_URLCONF="django.contrib.auth.urls") == []
