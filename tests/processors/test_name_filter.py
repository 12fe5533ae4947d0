"""`NameFilter`: whole names with the wildcards of a shell."""

import pytest

from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.processors.name_filter import NameFilter
from eventtracking.tracker import Tracker


def passes(processor, name):
    event = {"name": name}
    try:
        assert processor(event) is event
    except EventEmissionExit:
        return False
    return True


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("edx.video.played", "edx.video.played", True),
        ("edx.video.played", "edx.video.played.twice", False),
        ("edx.video.played", "an.edx.video.played", False),
        ("edx.video.played", "edxXvideoXplayed", False),
        ("edx.video.*", "edx.video.played", True),
        ("edx.video.*", "edx.video.a.b.c", True),
        ("edx.video.*", "edx.video", False),
        ("*.bi.*", "edx.bi.login", True),
        ("problem_?", "problem_a", True),
        ("problem_?", "problem_ab", False),
        ("problem_[ab]", "problem_b", True),
        ("problem_[!ab]", "problem_b", False),
        ("EDX", "edx", False),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("a*", "a\nb", True),
        ("a", "a\n", False),
        ("a+", "aa", False),
    ],
)
def test_a_name_matches_whole(glob, name, matches):
    """A dot is a dot, a star also crosses dots, and case counts."""
    assert passes(NameFilter(allow=[glob]), name) is matches
    assert passes(NameFilter(block=[glob]), name) is not matches


def test_without_options_everything_passes():
    """An empty list allows everything and blocks nothing."""
    assert passes(NameFilter(), "a")
    assert passes(NameFilter(allow=[], block=[]), "a")


def test_what_is_blocked_is_dropped_even_if_it_is_allowed():
    """`allow` is the whole, `block` the exceptions from it."""
    processor = NameFilter(allow=["edx.*"], block=["edx.bi.*"])

    assert [passes(processor, name) for name in ("edx.a", "edx.bi.a", "b")] == [True, False, False]


def test_several_names_are_alternatives():
    """Any of them, from any iterable."""
    processor = NameFilter(allow=(name for name in ["a.*", "b.*", "*.c?"]))

    assert [passes(processor, name) for name in ("a.x", "b.x", "x.cd", "x.c")] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("name", [5, b"a", None])
def test_a_name_that_is_no_text_is_read_as_its_text(name):
    """`emit` takes any name."""
    assert passes(NameFilter(allow=[str(name)]), name)


@pytest.mark.parametrize("option", ["allow", "block"])
@pytest.mark.parametrize("names", ["edx.*", None, 5, True])
def test_anything_but_a_list_of_names_is_refused(option, names):
    """A text would be a list of its letters."""
    with pytest.raises(ImproperlyConfigured) as raised:
        NameFilter(**{option: names})

    assert str(raised.value) == f"NameFilter: {option} must be a list of names, got {names!r}"


@pytest.mark.parametrize("names", [[5], ["a", None], [b"a"], b"ab"])
def test_anything_but_names_in_the_list_is_refused(names):
    """With the one that is none."""
    with pytest.raises(ImproperlyConfigured, match="NameFilter: allow must hold names, got "):
        NameFilter(allow=names)


def test_what_is_dropped_is_counted_as_filtered():
    """It was meant to be."""
    tracker = Tracker(processors=[NameFilter(block=["a"])])
    tracker.emit("a")
    tracker.emit("b")

    assert (tracker.stats()["filtered"], tracker.stats()["lost"]) == (1, {})


def test_it_shows_what_it_does():
    """In the log line of a failure, and in the shell."""
    assert repr(NameFilter(allow=["abc"])).startswith("<NameFilter allow=re.compile(")
