"""What Google Analytics wants to see of an event that reaches it through Segment."""

import copy

import pytest

from eventtracking.backends.memory import MemoryBackend
from eventtracking.processors.google_analytics import GoogleAnalyticsProcessor
from eventtracking.tracker import Tracker

add_label = GoogleAnalyticsProcessor()

NO_COURSE_RUNS = [
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
    """Beside `nonInteraction`, which every event gets."""
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
def test_the_key_of_a_course_run_is_one_in_every_form(course_id):
    """New, old, of a custom course, in any letters."""
    assert of_course(course_id)["courserun_key"] == course_id


@pytest.mark.parametrize("course_id", NO_COURSE_RUNS)
def test_what_is_no_key_of_a_course_run_is_only_a_label(course_id):
    """Even if it is empty, or no text."""
    event = of_course(course_id)

    assert event["label"] == course_id
    assert "courserun_key" not in event


@pytest.mark.parametrize(
    "context", [{}, {"context": {}}, {"context": {"course_id": None}}, {"context": "x"}]
)
def test_an_event_of_no_course_is_only_marked(context):
    """With or without a context."""
    assert add_label({"name": "a", **context}) == {"name": "a", "nonInteraction": 1, **context}


def test_the_event_that_it_is_given_stays_as_it_was():
    """Other backends must not see Google's fields; what is in the event is shared."""
    event = {"name": "a", "data": {"n": [1]}, "context": {"course_id": "O/C/R"}}
    before = copy.deepcopy(event)

    result = add_label(event)

    assert event == before
    assert result["data"] is event["data"]


def test_a_router_passes_the_copy_on():
    """The processor returns it."""
    memory = MemoryBackend()
    tracker = Tracker({"m": memory}, processors=[add_label])
    with tracker.context("course", {"course_id": "O/C/R"}):
        tracker.emit("a")

    assert [(event["nonInteraction"], event["label"]) for event in memory.events] == [(1, "O/C/R")]
