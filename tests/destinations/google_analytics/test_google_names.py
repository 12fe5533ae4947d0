"""The names of events and parameters in Google Analytics."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.backends.google_analytics import GoogleAnalyticsBackend
from eventtracking.destinations.google_analytics.names import (
    EventNames,
    event_name,
    is_event_name,
    is_parameter_name,
    parameter_name,
)
from eventtracking.exceptions import ImproperlyConfigured

# Google's rules, written independently of the package.
PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
RESERVED_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
RESERVED = {
    "ad_activeview",
    "ad_click",
    "ad_exposure",
    "ad_impression",
    "ad_query",
    "ad_reward",
    "adunit_exposure",
    "app_background",
    "app_clear_data",
    "app_exception",
    "app_install",
    "app_remove",
    "app_store_refund",
    "app_store_subscription_cancel",
    "app_store_subscription_convert",
    "app_store_subscription_renew",
    "app_update",
    "app_upgrade",
    "error",
    "firebase_campaign",
    "first_open",
    "first_visit",
    "ga_campaign",
    "ga_extra_parameter",
    "in_app_purchase",
    "notification_dismiss",
    "notification_foreground",
    "notification_open",
    "notification_receive",
    "os_update",
    "screen_view",
    "session_start",
    "session_start_with_rollout",
    "user_engagement",
}

NAMES = {
    "edx.course.enrollment.activated": "edx_course_enrollment_activated",
    "edx.video.bumper.transcript.menu.shown": "edx_video_bumper_transcript_menu_shown",
    "edx.special_exam.proctored.attempt.ready_to_submit": (
        "edx_special_exam_proctored_atte_6c91d21a"
    ),
    "session_start": "x_session_start",
    "error": "x_error",
    "screen_view": "x_screen_view",
    "ga_thing": "x_ga_thing",
    "google.thing": "x_google_thing",
    "firebase.thing": "x_firebase_thing",
    "gtag.thing": "gtag_thing",
    "_private": "private",
    "__a..b--c__": "a_b_c",
    "/courses/course-v1:a+b+c/": "courses_course_v1_a_b_c",
    "2fa.passed": "e_2fa_passed",
    "page_view": "page_view",
    "Purchase": "Purchase",
    "café opened": "caf_opened",
    "a" * 40: "a" * 40,
}


@pytest.mark.parametrize(("name", "google_name"), NAMES.items())
def test_a_name_follows_the_documented_rules(name, google_name):
    """The examples of the documentation, and one example for each rule."""
    assert event_name(name) == google_name


def test_a_name_over_forty_characters_keeps_its_beginning_and_gets_a_digest():
    """Long names that differ only at their ends remain distinct."""
    one, other = event_name("a" * 41), event_name("a" * 41 + "b")

    assert re.fullmatch("a{31}_[0-9a-f]{8}", one)
    assert re.fullmatch("a{31}_[0-9a-f]{8}", other)
    assert one != other
    assert len(event_name("edx.course.student_notes.notes_page_viewed")) == 40


def test_a_name_without_ascii_letters_becomes_a_digest():
    """Different names remain distinct."""
    names = {event_name(name) for name in ("", "...", "事件", "данные")}

    assert len(names) == 4
    assert all(re.fullmatch("event_[0-9a-f]{8}", name) for name in names)


@given(st.text(max_size=120))
def test_any_name_of_an_event_becomes_a_valid_name(name):
    """No event is lost because of its name."""
    google_name = event_name(name)

    assert PATTERN.fullmatch(google_name)
    assert google_name not in RESERVED
    assert not google_name.startswith(RESERVED_PREFIXES)
    assert google_name == event_name(name)
    assert is_event_name(google_name)


@given(st.sampled_from(sorted(RESERVED)), st.sampled_from(["", ".", "_", " "]))
def test_a_reserved_name_gets_a_prefix(name, around):
    """Even with other characters around it, which are removed."""
    assert event_name(f"{around}{name}{around}") == f"x_{name}"


@given(st.text(max_size=120))
def test_any_name_of_a_parameter_becomes_a_valid_name(name):
    """The keys in the data of an event can be any text."""
    google_name = parameter_name(name)

    assert PATTERN.fullmatch(google_name)
    assert google_name != "firebase_conversion"
    assert not google_name.startswith(RESERVED_PREFIXES)
    assert is_parameter_name(google_name)


def test_a_name_may_hold_lone_surrogates():
    """Text from other systems may hold them."""
    assert PATTERN.fullmatch(event_name("\ud800" * 50))


def test_the_option_names_has_priority_over_the_rules():
    """Other events are named by the rules."""
    names = EventNames({"edx.course.viewed": "page_view"})

    assert names.google_name("edx.course.viewed") == "page_view"
    assert names.google_name("edx.course.left") == "edx_course_left"


def test_two_names_that_become_the_same_are_logged_once(caplog):
    """Reports would show them as one event."""
    names = EventNames({})

    google_names = [names.google_name(name) for name in ("a.b", "a_b", "a-b", "a.b", "a_b")]

    [record] = caplog.records
    assert set(google_names) == {"a_b"}
    assert record.getMessage() == (
        'Events "a.b" and "a_b" are both called "a_b" in Google Analytics. Distinguish them '
        "by event_name_full, or rename one of them with the option names"
    )


def test_two_names_that_the_option_names_makes_the_same_are_not_logged(caplog):
    """The operator chose the name for both."""
    names = EventNames({"a.viewed": "page_view", "b.viewed": "page_view"})

    names.google_name("a.viewed")
    names.google_name("b.viewed")

    assert caplog.records == []


def test_a_name_that_collides_with_one_of_the_option_names_is_logged(caplog):
    """The operator chose the name for another event."""
    names = EventNames({"a.viewed": "page_view"})

    names.google_name("page.view")

    assert "are both called" in caplog.text


def test_the_memory_for_generated_names_of_events_is_limited():
    """A name may contain a number that never repeats."""
    names = EventNames({})

    google_names = {names.google_name(f"viewed.{number}") for number in range(3000)}

    assert len(google_names) == 3000
    assert len(names._google_names) <= 1000
    assert len(names._origins) <= 1000


@pytest.mark.parametrize(
    "google_name",
    ["", "a.b", "1a", "_a", "a" * 41, "error", "ga_a", "google_a", "firebase_a", "gtag.a", 7, None],
)
def test_a_name_that_google_would_not_accept_is_an_error(google_name):
    """When the backend is built. Google would drop the events without an error."""
    with pytest.raises(ImproperlyConfigured) as error:
        GoogleAnalyticsBackend("G-TEST", "a-secret", names={"edx.viewed": google_name})

    assert str(error.value) == (
        "GoogleAnalyticsBackend: names['edx.viewed'] must be a name that Google Analytics "
        "accepts: a letter, then letters, digits and _, at most 40 characters, and not a "
        f"reserved name, got {google_name!r}"
    )


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["a"], "names must be a mapping, got ['a']"),
        ({7: "a"}, "names must be a mapping of text to text, got 7"),
    ],
)
def test_names_must_be_a_mapping_of_text(names, complaint):
    """The error shows the value."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)):
        GoogleAnalyticsBackend("G-TEST", "a-secret", names=names)
