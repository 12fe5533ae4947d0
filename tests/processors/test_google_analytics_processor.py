"""`GoogleAnalyticsProcessor`: fields for Google Analytics in events from Segment."""

import copy

import pytest

from eventtracking.backends.memory import MemoryBackend
from eventtracking.processors.google_analytics import GoogleAnalyticsProcessor
from eventtracking.tracker import Tracker

add_label = GoogleAnalyticsProcessor()

INVALID_COURSE_RUNS = [
    "",
    "O/C",
    "a/b/c/d",
    "a/b/c+d",
    "O/C/R\n",
    "course-v1:O+C",
    "course-v1:O+C+R#top",
    "course-v1:O+C+R/x",
    "course-v1:O%2BC%2BR",
    "ccx-v1:O+C+R+ccx@x",
    "library-v1:O+L",
    "lib:O:slug",
    7,
]


def of_course(course_id):
    return add_label({"name": "a", "data": {}, "context": {"course_id": course_id}})


def test_an_event_of_a_course_gets_its_label_and_key():
    """In addition to `nonInteraction`, which every event gets."""
    event = of_course("course-v1:X+Y+Z")

    assert event == {
        "name": "a",
        "data": {},
        "context": {"course_id": "course-v1:X+Y+Z"},
        "nonInteraction": 1,
        "label": "course-v1:X+Y+Z",
        "courserun_key": "course-v1:X+Y+Z",
    }


@pytest.mark.parametrize(
    "course_id", ["course-v1:O+C+R", "O/C/R", "ccx-v1:O+C+R+ccx@7", "course-v1:Ünï+Ĉ.1+2026_T3"]
)
def test_course_run_keys_of_every_form_are_recognized(course_id):
    """New, old, of a custom course, with any letters."""
    assert of_course(course_id)["courserun_key"] == course_id


@pytest.mark.parametrize("course_id", INVALID_COURSE_RUNS)
def test_a_course_id_that_is_not_a_course_run_key_is_only_a_label(course_id):
    """Also if it is empty or not text."""
    event = of_course(course_id)

    assert event["label"] == course_id
    assert "courserun_key" not in event


@pytest.mark.parametrize(
    "context", [{}, {"context": {}}, {"context": {"course_id": None}}, {"context": "x"}]
)
def test_an_event_without_a_course_gets_only_non_interaction(context):
    """With or without a context."""
    assert add_label({"name": "a", **context}) == {"name": "a", "nonInteraction": 1, **context}


def test_the_event_passed_in_is_not_changed():
    """Other backends must not see Google's fields. The copy is shallow."""
    event = {"name": "a", "data": {"n": [1]}, "context": {"course_id": "O/C/R"}}
    before = copy.deepcopy(event)

    result = add_label(event)

    assert event == before
    assert result["data"] is event["data"]


def test_backends_get_the_copy():
    """The router passes on the event that the processor returns."""
    memory = MemoryBackend()
    tracker = Tracker({"m": memory}, processors=[add_label])
    with tracker.context("course", {"course_id": "O/C/R"}):
        tracker.emit("a")

    assert [(event["nonInteraction"], event["label"]) for event in memory.events] == [(1, "O/C/R")]
