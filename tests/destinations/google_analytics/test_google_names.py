"""What events and parameters are called in Google Analytics."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.destinations.google_analytics.names import (
    EventNames,
    event_name,
    is_event_name,
    is_parameter_name,
    parameter_name,
)
from eventtracking.exceptions import ImproperlyConfigured

# As Google's documents have it, written down here once more.
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


@pytest.mark.parametrize(("name", "called"), NAMES.items())
def test_a_name_is_called_as_the_table_says(name, called):
    """The examples of the documentation, and the rules one by one."""
    assert event_name(name) == called


def test_a_name_over_forty_characters_keeps_its_beginning_and_gets_a_digest():
    """Neighbours that differ in their ends only stay apart."""
    one, other = event_name("a" * 41), event_name("a" * 41 + "b")

    assert re.fullmatch("a{31}_[0-9a-f]{8}", one)
    assert re.fullmatch("a{31}_[0-9a-f]{8}", other)
    assert one != other
    assert len(event_name("edx.course.student_notes.notes_page_viewed")) == 40


def test_a_name_without_any_letter_is_called_by_its_digest():
    """Names that differ stay apart, though Google could write none of them."""
    called = {event_name(name) for name in ("", "...", "事件", "данные")}

    assert len(called) == 4
    assert all(re.fullmatch("event_[0-9a-f]{8}", name) for name in called)


@given(st.text(max_size=120))
def test_any_name_becomes_one_that_google_takes(name):
    """Whatever an application calls its events: nothing is refused over a name."""
    called = event_name(name)

    assert PATTERN.fullmatch(called)
    assert called not in RESERVED
    assert not called.startswith(RESERVED_PREFIXES)
    assert called == event_name(name)
    assert is_event_name(called)


@given(st.sampled_from(sorted(RESERVED)), st.sampled_from(["", ".", "_", " "]))
def test_no_name_becomes_one_of_googles_own(name, around):
    """Nor one with signs around it, which are cut off."""
    assert event_name(f"{around}{name}{around}") == f"x_{name}"


@given(st.text(max_size=120))
def test_any_parameter_becomes_one_that_google_takes(name):
    """The keys of an event may be anything as well."""
    called = parameter_name(name)

    assert PATTERN.fullmatch(called)
    assert called != "firebase_conversion"
    assert not called.startswith(RESERVED_PREFIXES)
    assert is_parameter_name(called)


def test_half_a_character_in_a_name_is_no_obstacle():
    """Text from outside may hold lone surrogates."""
    assert PATTERN.fullmatch(event_name("\ud800" * 50))


def test_an_event_may_be_given_its_name():
    """The map comes before every rule."""
    names = EventNames({"edx.course.viewed": "page_view"}, who="It")

    assert names.called("edx.course.viewed") == "page_view"
    assert names.called("edx.course.left") == "edx_course_left"


def test_two_names_that_become_one_are_warned_about_once(caplog):
    """In the reports they would be one event, and nobody would know."""
    names = EventNames(None, who="It")

    called = [names.called(name) for name in ("a.b", "a_b", "a-b", "a.b", "a_b")]

    [record] = caplog.records
    assert set(called) == {"a_b"}
    assert record.getMessage() == (
        'Events "a.b" and "a_b" are both called "a_b" in Google Analytics. Tell them apart '
        "by event_name_full, or give one of them another name in names"
    )


def test_names_that_the_map_makes_one_are_meant_to_be_one(caplog):
    """The operator wrote it down; there is nothing to warn about."""
    names = EventNames({"a.viewed": "page_view", "b.viewed": "page_view"}, who="It")

    names.called("a.viewed")
    names.called("b.viewed")

    assert caplog.records == []


def test_a_name_that_the_map_gave_away_is_warned_about(caplog):
    """One was chosen and one happened: that is a collision."""
    names = EventNames({"a.viewed": "page_view"}, who="It")

    names.called("page.view")

    assert "are both called" in caplog.text


def test_names_that_are_made_up_without_end_are_not_remembered_without_end():
    """A number in a name must not fill the memory."""
    names = EventNames(None, who="It")

    called = {names.called(f"viewed.{number}") for number in range(3000)}

    assert len(called) == 3000
    assert len(names._known) <= 1000
    assert len(names._origins) <= 1000


@pytest.mark.parametrize(
    "there",
    ["", "a.b", "1a", "_a", "a" * 41, "error", "ga_a", "google_a", "firebase_a", "gtag.a", 7, None],
)
def test_a_name_in_the_map_that_google_would_refuse_is_an_error(there):
    """Said when the backend is built, and not by silence in the reports."""
    with pytest.raises(ImproperlyConfigured) as error:
        EventNames({"edx.viewed": there}, who="It")

    assert str(error.value).startswith("It: names['edx.viewed'] must be a name that Google")
    assert str(error.value).endswith(f"got {there!r}")


@pytest.mark.parametrize(("names", "said"), [(["a"], "got ['a']"), ({7: "a"}, "got 7")])
def test_a_map_that_is_none_is_an_error(names, said):
    """The error shows what was given instead."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(said)):
        EventNames(names, who="It")
