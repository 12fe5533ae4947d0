"""The options that every network backend has: their defaults, and the errors of wrong values."""

import pytest
from reception import LIMITS, Reception, event

from eventtracking._options import NON_EMPTY_TEXT, Options
from eventtracking.delivery import DeliveryOptions, Limits, NetworkBackend
from eventtracking.delivery.options import batch_limits, check_delivery_options, complete
from eventtracking.exceptions import ImproperlyConfigured


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"batch_events": 0}, "batch_events must be a whole number from 1 to 1000, or None, got 0"),
        ({"batch_events": 1001}, "batch_events must be a whole number from 1 to 1000, or None"),
        ({"batch_bytes": True}, "batch_bytes must be a whole number from 1 to 500000, or None"),
        ({"timeout": 0}, "timeout must be a number of seconds, 0.001 or more, got 0"),
        ({"timeout": float("nan")}, "timeout must be a number of seconds, 0.001 or more, got nan"),
        ({"flush_interval": "1"}, "flush_interval must be a number of seconds, 0 or more, got '1'"),
        ({"max_age": -1}, "max_age must be a number of seconds, 0.001 or more, or None, got -1"),
        ({"max_pending_events": 1.5}, "max_pending_events must be a whole number, 1 or more"),
        ({"max_pending_bytes": 0}, "max_pending_bytes must be a whole number, 1 or more, got 0"),
        ({"max_outbox_bytes": None}, "max_outbox_bytes must be a whole number, 1 or more"),
        ({"on_full": "explode"}, "on_full must be one of 'drop_newest', 'drop_oldest', 'block'"),
        ({"block_timeout": -1}, "block_timeout must be a number of seconds, 0 or more, got -1"),
        ({"exit_timeout": []}, "exit_timeout must be a number of seconds, 0 or more, got []"),
        ({"on_loss": 5}, "on_loss must be a callable, the dotted path of one, or None, got 5"),
        ({"outbox": 5}, "outbox must be a path, or None, got 5"),
        ({"outbox": ""}, "outbox must be a path, or None, got ''"),
    ],
)
def test_a_wrong_option_is_refused_with_its_name_its_value_and_the_cure(options, problem):
    """When the backend is built, not when the first event is sent."""
    with pytest.raises(ImproperlyConfigured) as error:
        NetworkBackend(Reception(), **options)

    assert str(error.value).startswith(f"NetworkBackend: {problem}")


def test_an_unknown_option_is_refused_with_the_nearest_name():
    """A misspelled option would otherwise have no effect."""
    with pytest.raises(
        ImproperlyConfigured,
        match=r"NetworkBackend has no option 'batch_event'\. Did you mean 'batch_events'\?",
    ):
        NetworkBackend(Reception(), batch_event=5)


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("reception_losses.nothing", "module 'reception_losses' has no 'nothing'."),
        ("reception_losses.noted", "it is a list"),
    ],
)
def test_the_path_of_a_loss_callback_must_lead_to_a_callable(path, cause):
    """The reason is part of the message."""
    with pytest.raises(ImproperlyConfigured) as error:
        NetworkBackend(Reception(), on_loss=path)

    assert str(error.value).startswith(
        "NetworkBackend: on_loss must be a callable, the dotted path of one, or None, "
        f"got {path!r}: {cause}"
    )


def test_a_loss_callback_may_be_named_by_its_path(carrying):
    """A settings file cannot hold a function."""
    backend = carrying(on_loss="reception_losses.note")
    backend.send(event("a", refused=True))

    import reception_losses

    assert reception_losses.noted.pop()[1:] == ("a", "rejected")


def test_a_backend_reports_its_own_and_the_delivery_options_in_one_error():
    """In the order of its signature."""
    options = Options("PartnerBackend")
    options.check("key", "", NON_EMPTY_TEXT)
    check_delivery_options(options, {"max_ages": 1, "timeout": 0, "batch_events": 0}, LIMITS)

    with pytest.raises(ImproperlyConfigured) as error:
        options.raise_problems()

    assert str(error.value).splitlines() == [
        "PartnerBackend: key must be text that is not empty, got ''",
        "PartnerBackend: batch_events must be a whole number from 1 to 1000, or None, got 0",
        "PartnerBackend: timeout must be a number of seconds, 0.001 or more, got 0",
        "PartnerBackend has no option 'max_ages'. Did you mean 'max_age'?",
    ]


def test_every_option_has_a_valid_default():
    """A backend needs none of them."""
    completed = complete({})
    options = Options("Backend")
    check_delivery_options(options, completed, LIMITS)

    options.raise_problems()
    assert [*completed] == [*DeliveryOptions.__annotations__]


def test_given_options_replace_their_defaults():
    """The others keep theirs."""
    assert complete({"timeout": 3.0}) == {**complete({}), "timeout": 3.0}


@pytest.mark.parametrize(
    ("given", "limits", "expected"),
    [
        ({}, Limits(1000, 9000, 90), (500, 9000, 90)),
        ({}, Limits(100, 9000, 90), (100, 9000, 90)),
        ({"batch_events": 700, "batch_bytes": 8000}, Limits(1000, 9000, 90), (700, 8000, 90)),
    ],
)
def test_a_batch_is_as_large_as_the_options_and_the_destination_allow(given, limits, expected):
    """500 events unless the options say otherwise; never more than the destination takes."""
    assert batch_limits(complete(given), limits) == Limits(*expected)
