"""`NameFilter`: names with the wildcards of a shell."""

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
def test_a_pattern_matches_whole_names(glob, name, matches):
    """Dots are literal, an asterisk also matches dots, and matching is case-sensitive."""
    assert passes(NameFilter(allow=[glob]), name) is matches
    assert passes(NameFilter(block=[glob]), name) is not matches


def test_every_event_passes_by_default():
    """An empty list allows every name and blocks none."""
    assert passes(NameFilter(), "a")
    assert passes(NameFilter(allow=[], block=[]), "a")


def test_a_blocked_name_is_dropped_even_if_it_is_allowed():
    """`block` lists exceptions from `allow`."""
    processor = NameFilter(allow=["edx.*"], block=["edx.bi.*"])

    assert [passes(processor, name) for name in ("edx.a", "edx.bi.a", "b")] == [True, False, False]


def test_several_patterns_are_alternatives():
    """They may be in any iterable."""
    processor = NameFilter(allow=(name for name in ["a.*", "b.*", "*.c?"]))

    assert [passes(processor, name) for name in ("a.x", "b.x", "x.cd", "x.c")] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("name", [5, b"a", None])
def test_a_name_that_is_not_text_is_converted(name):
    """`emit` accepts any name."""
    assert passes(NameFilter(allow=[str(name)]), name)


@pytest.mark.parametrize("option", ["allow", "block"])
@pytest.mark.parametrize("names", ["edx.*", None, 5, True])
def test_options_must_be_lists(option, names):
    """Text would be a list of its characters."""
    with pytest.raises(ImproperlyConfigured) as raised:
        NameFilter(**{option: names})

    assert str(raised.value) == f"NameFilter: {option} must be a list, got {names!r}"


@pytest.mark.parametrize("names", [[5, "a"], ["a", None], [b"a"]])
def test_patterns_must_be_text(names):
    """The error shows the index and the value."""
    [(index, value)] = [each for each in enumerate(names) if not isinstance(each[1], str)]
    with pytest.raises(ImproperlyConfigured) as raised:
        NameFilter(allow=names)

    assert str(raised.value) == f"NameFilter: allow[{index}] must be text, got {value!r}"


def test_all_wrong_options_are_reported_at_once():
    """With a line for each."""
    with pytest.raises(ImproperlyConfigured) as raised:
        NameFilter(allow=b"ab", block=[5])

    assert str(raised.value).splitlines() == [
        "NameFilter: allow must be a list, got b'ab'",
        "NameFilter: block[0] must be text, got 5",
    ]


def test_a_dropped_event_is_counted_as_filtered():
    """It is not lost, because it was dropped on purpose."""
    tracker = Tracker(processors=[NameFilter(block=["a"])])
    tracker.emit("a")
    tracker.emit("b")

    assert (tracker.stats()["filtered"], tracker.stats()["lost"]) == (1, {})


def test_the_repr_shows_the_options():
    """Log messages and the shell show it."""
    assert repr(NameFilter(allow=["abc"])).startswith("<NameFilter allow=re.compile(")
