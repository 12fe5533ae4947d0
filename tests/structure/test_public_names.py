"""The public names of the package: a complete list."""

import ast
import subprocess
import sys

import pytest
from package_source import FUNCTIONS, REPOSITORY, is_for_users, is_package, is_public, modules

# `logger` is left out everywhere: it is a convention, not a public name.
NAMES = {
    "eventtracking": [],
    "eventtracking.backends": [],
    "eventtracking.backends.datadog": ["DatadogBackend", "DatadogLogsBackend"],
    "eventtracking.backends.http": ["HttpBackend"],
    "eventtracking.backends.google_analytics": ["GoogleAnalyticsBackend"],
    "eventtracking.backends.log_file": ["LogFileBackend"],
    "eventtracking.backends.logger": ["LoggerBackend", "MAX_EVENT_SIZE"],
    "eventtracking.backends.memory": ["MemoryBackend"],
    "eventtracking.backends.routing": ["RoutingBackend"],
    "eventtracking.backends.segment": ["SegmentBackend"],
    "eventtracking.cli": ["main"],
    "eventtracking.delivery": [
        "DeliveryOptions",
        "Destination",
        "HttpClient",
        "Limits",
        "NetworkBackend",
        "NoResponse",
        "NotSent",
        "Ok",
        "OnLoss",
        "Outcome",
        "Pause",
        "Record",
        "Reject",
        "Response",
        "Retry",
        "Split",
        "at_most_once",
        "failure",
        "install_signal_handlers",
        "outcome_of",
    ],
    "eventtracking.django": ["DjangoTracker"],
    "eventtracking.django.apps": ["EventTrackingConfig"],
    "eventtracking.django.checks": ["TAG", "check_settings"],
    "eventtracking.django.collecting": [
        "COLLECTOR",
        "NAMESPACE",
        "current_collector",
        "new_collector",
    ],
    "eventtracking.django.django_tracker": [
        "DJANGO_BACKEND_SETTING_NAME",
        "DJANGO_ENABLED_SETTING_NAME",
        "DJANGO_PROCESSOR_SETTING_NAME",
        "DjangoTracker",
        "current",
        "override_default_tracker",
    ],
    "eventtracking.django.middleware": ["TRUSTED_PROXIES", "TrackMiddleware", "trusted_proxies"],
    "eventtracking.django.request_events": [
        "IGNORE_URL_PATTERNS",
        "LEGACY",
        "REQUEST_EVENTS",
        "RequestEvents",
        "request_events",
    ],
    "eventtracking.django.templatetags": [],
    "eventtracking.django.templatetags.eventtracking": ["eventtracking_js", "register"],
    "eventtracking.django.urls": ["app_name", "urlpatterns"],
    "eventtracking.django.views": ["client", "event"],
    "eventtracking.event": ["CYCLE", "MAX_DEPTH", "TOO_DEEP", "copy_event", "copy_value"],
    "eventtracking.exceptions": [
        "EventEmissionExit",
        "EventLost",
        "ImproperlyConfigured",
        "NoBackendEnabled",
        "NoTransformerImplemented",
        "Unserializable",
    ],
    "eventtracking.journal": ["Fsync", "LineFile", "read"],
    "eventtracking.locator": [
        "ContextVarLocator",
        "DefaultContextLocator",
        "EnteredContexts",
        "TaskContexts",
        "ThreadLocalContextLocator",
        "merge",
    ],
    "eventtracking.openedx": [],
    "eventtracking.openedx.contexts": [
        "context_dict_for_learning_context",
        "course_context_from_course_id",
        "course_context_from_url",
    ],
    "eventtracking.openedx.correlation": ["CONTEXT_NAME", "handover", "resume", "root_action"],
    "eventtracking.openedx.dog_stats_api": ["gauge", "histogram", "increment", "timer"],
    "eventtracking.openedx.management": ["TrackedCommand"],
    "eventtracking.openedx.settings": ["load", "providers"],
    "eventtracking.openedx.segment": ["identify", "track"],
    "eventtracking.openedx.segment_webhook": [
        "ALLOWED_TYPES",
        "DISALLOWED_NAMES",
        "ERROR_INVALID_CONTEXT_FIELD_TYPE",
        "ERROR_INVALID_DATA_FIELD_TYPE",
        "ERROR_INVALID_USER_ID",
        "ERROR_MISSING_DATA",
        "ERROR_MISSING_NAME",
        "ERROR_MISSING_RECEIVED_AT",
        "ERROR_MISSING_TIMESTAMP",
        "ERROR_MISSING_USER_ID",
        "ERROR_USER_NOT_EXIST",
        "EventValidationError",
        "SECRET",
        "SOURCE_MAP",
        "segmentio_event",
        "track_segmentio_event",
    ],
    "eventtracking.openedx.views": ["server_track", "task_track", "user_track"],
    "eventtracking.processors": [],
    "eventtracking.processors.exceptions": [
        "EventEmissionExit",
        "NoBackendEnabled",
        "NoTransformerImplemented",
    ],
    "eventtracking.processors.google_analytics": ["GoogleAnalyticsProcessor"],
    "eventtracking.processors.legacy": ["LegacyFieldMappingProcessor"],
    "eventtracking.processors.name_filter": ["NameFilter"],
    "eventtracking.processors.regex_filter": ["ALLOWLIST", "BLOCKLIST", "RegexFilter"],
    "eventtracking.processors.request_context": ["RequestContext"],
    "eventtracking.processors.sampling": ["Sampling"],
    "eventtracking.processors.sensitive_guard": ["SensitiveFieldGuard"],
    "eventtracking.processors.size_guard": ["OnOversize", "SizeGuard"],
    "eventtracking.processors.whitelist": ["NameWhitelistProcessor"],
    "eventtracking.pytest_plugin": ["captured_events", "fake_destinations"],
    "eventtracking.request": [
        "CallbackVisitor",
        "DEFAULT_FACTS",
        "EnvironFacts",
        "FACTS",
        "FactsMapping",
        "LIVE_FACTS",
        "RequestFacts",
        "RequestScope",
        "TrustedProxies",
        "Visitor",
        "current_request",
        "session_digest",
    ],
    "eventtracking.serialization": ["DateTimeJSONEncoder", "encode", "plain", "read_naive_in"],
    "eventtracking.settings": [
        "BACKENDS",
        "CONFIG",
        "ENABLED",
        "GUARDS",
        "PROCESSORS",
        "RECOMMENDED_PROCESSORS",
        "Source",
        "TIME_ZONE",
        "build",
        "configure",
        "describe",
        "is_disabled",
        "load",
    ],
    "eventtracking.stats": ["Counters", "LOSS_REASONS", "LogThrottle", "count_of", "log_safely"],
    "eventtracking.testing": ["CapturedEvents", "FakeDestinations", "capture_events"],
    "eventtracking.tracker": [
        "DEFAULT_TRACKER_NAME",
        "TRACKERS",
        "Tracker",
        "UNKNOWN_EVENT_TYPE",
        "context",
        "default_tracker",
        "emit",
        "get_tracker",
        "register_tracker",
    ],
    "eventtracking.types": [
        "Backend",
        "BackendStats",
        "Context",
        "ContextLocator",
        "Event",
        "Processor",
        "TrackerStats",
    ],
    "eventtracking.web": [],
    "eventtracking.web.asgi": ["Application", "CollectorMiddleware", "Scope", "TrackMiddleware"],
    "eventtracking.web.collector": ["CLIENT_FILES", "Collector"],
    "eventtracking.web.options": ["CollectorOptions", "PrivacyMode"],
    "eventtracking.web.response": ["Response"],
    "eventtracking.web.wsgi": ["Application", "CollectorMiddleware", "Environ", "TrackMiddleware"],
}

# Programs: users do not import from them.
PROGRAMS = ("eventtracking.demo", "eventtracking.inspector")

PUBLIC = [name for name in modules() if is_for_users(name) and not name.startswith(PROGRAMS)]


def defined(tree):
    """Yield the public names that a module defines or lists in `__all__`."""
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if names == ["__all__"]:
                names = ast.literal_eval(node.value)
        else:
            names = []
        yield from (name for name in names if is_public(name) and name != "logger")


@pytest.mark.parametrize("module", sorted({*PUBLIC, *NAMES}))
def test_a_module_has_exactly_the_public_names_of_the_list(module):
    """No name becomes public, or disappears, by accident."""
    assert module in modules(), "the list names a module that does not exist"
    assert sorted(set(defined(modules()[module]))) == NAMES.get(module)


def test_the_reference_documents_every_public_module():
    """Users can look up every module that they may import."""
    text = REPOSITORY.joinpath("docs", "reference", "modules.rst").read_text("utf-8")
    filled = [name for name in PUBLIC if NAMES[name] or not is_package(name)]

    assert [name for name in filled if f"module:: {name}\n" not in text] == []


def test_the_package_has_no_attribute_tracker_until_the_module_is_imported():
    """`from eventtracking import tracker` always imports the module."""
    code = (
        "import eventtracking; assert not hasattr(eventtracking, 'tracker');"
        "from eventtracking import tracker; assert tracker.__name__ == 'eventtracking.tracker'"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_names_that_applications_patch_exist():
    """Tests of existing applications replace the clock and the logging of these modules."""
    from eventtracking import tracker
    from eventtracking.backends import logger

    assert tracker.datetime.__name__ == "datetime"
    assert logger.logging.getLogger
