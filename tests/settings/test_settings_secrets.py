"""Secrets: references to them, and secret masking."""

import traceback
from pathlib import Path

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import build, describe


def keeper(**options):
    return backend("Keeper", **options)


def backend(engine, **options):
    entry = {"ENGINE": f"settings_fakes.{engine}", "OPTIONS": options}
    return {"EVENT_TRACKING_BACKENDS": {"x": entry}}


def built(settings):
    return build(settings).get_backend("x")


def printed_error(settings):
    """Return the error as it is printed, with its traceback."""
    with pytest.raises(ImproperlyConfigured) as raised:
        build(settings)
    return "".join(traceback.format_exception(raised.value))


def test_a_secret_comes_from_an_environment_variable(monkeypatch, secret):
    """It need not be in any file."""
    monkeypatch.setenv("SOME_KEY", secret)

    assert built(keeper(write_key={"ENV": "SOME_KEY"})).write_key == secret


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file_without_its_final_newline(tmp_path, secret, end):
    """Editors add one, secret stores do not."""
    file = tmp_path / "key"
    file.write_bytes(f"{secret}{end}".encode())

    assert built(keeper(write_key={"FILE": str(file)})).write_key == secret
    assert built(keeper(write_key={"FILE": file})).write_key == secret


def test_only_one_newline_is_removed(tmp_path, secret):
    """Everything else is part of the secret."""
    file = tmp_path / "key"
    file.write_text(f" {secret}\n\n")

    assert built(keeper(write_key={"FILE": str(file)})).write_key == f" {secret}\n"


def test_a_relative_path_starts_from_the_working_directory(tmp_path, monkeypatch, secret):
    """Like every other path in the settings."""
    (tmp_path / "key").write_text(secret)
    monkeypatch.chdir(tmp_path)

    assert built(keeper(write_key={"FILE": "key"})).write_key == secret


def test_references_are_found_at_any_depth(monkeypatch, secret):
    """In a list in a mapping in an option."""
    monkeypatch.setenv("SOME_KEY", secret)

    extra = built(keeper(extra={"headers": [{"ENV": "SOME_KEY"}]})).extra

    assert extra == {"headers": [secret]}


def test_a_mapping_with_another_key_is_not_a_reference():
    """An option may have a key named ENV."""
    assert built(keeper(extra={"ENV": "a", "b": 1})).extra == {"ENV": "a", "b": 1}


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ({"ENV": "SURELY_UNSET"}, "environment variable 'SURELY_UNSET' is not set. Set it"),
        ({"ENV": "\ud800"}, "is not set"),
        ({"ENV": 5}, "ENV must be the name of an environment variable"),
        ({"ENV": ["x"]}, "ENV must be the name of an environment variable"),
        ({"FILE": 5}, "FILE must be the path of a file"),
        ({"FILE": "/nowhere/key"}, "file '/nowhere/key' cannot be read: No such file"),
        ({"FILE": Path("/nowhere/key")}, "file '/nowhere/key' cannot be read: No such file"),
        ({"FILE": "/"}, "file '/' cannot be read: Is a directory"),
        ({"FILE": "a\0b"}, "cannot be read: embedded null byte"),
    ],
)
def test_a_secret_that_cannot_be_fetched_is_reported_with_the_fix(reference, reason):
    """The error names the variable or the file."""
    text = printed_error(keeper(write_key=reference))

    assert "EVENT_TRACKING_BACKENDS['x']['OPTIONS']['write_key'] = " in text
    assert reason in text


def test_a_binary_secret_file_is_refused_without_quoting_it(tmp_path, secret):
    """The text of the decoding error would show part of the secret."""
    file = tmp_path / "key"
    file.write_bytes(secret.encode() + b"\xff\xfe")

    text = printed_error(keeper(write_key={"FILE": str(file)}))

    assert "is not UTF-8 text" in text
    assert secret not in text
    assert "0xff" not in text


@pytest.mark.parametrize("source", ["literal", "ENV", "FILE"])
def test_a_secret_quoted_by_a_constructor_is_masked(source, tmp_path, monkeypatch, secret):
    """Wherever it comes from, in the message and in the traceback."""
    monkeypatch.setenv("SOME_KEY", secret)
    (tmp_path / "key").write_text(secret)
    values = {
        "literal": secret,
        "ENV": {"ENV": "SOME_KEY"},
        "FILE": {"FILE": str(tmp_path / "key")},
    }

    text = printed_error(backend("Picky", write_key=values[source]))

    assert "Picky: write_key must be longer, got '********'" in text
    assert secret not in text


def test_a_secret_is_masked_in_every_line(monkeypatch, secret):
    """Also in lines about problems that were found before the secret was fetched."""
    monkeypatch.setenv("SOME_KEY", secret)
    settings = {
        "EVENT_TRACKING_BACKENDS": {
            "a": {"ENGINE": "settings_fakes.Breaking", "OPTIONS": {"value": secret}},
            "b": {"ENGINE": "settings_fakes.Keeper", "OPTIONS": {"write_key": {"ENV": "SOME_KEY"}}},
        }
    }

    assert secret not in printed_error(settings)


@pytest.mark.parametrize("awkward", ["quo'te\"d", "back\\slash", "new\nline", " space "])
def test_a_secret_is_masked_in_every_notation(awkward, secret):
    """Quotation marks and escapes change how a message shows it."""
    text = printed_error(backend("Picky", write_key=secret + awkward))

    assert secret not in text


def test_a_short_secret_is_masked_as_a_whole_word():
    """Masking it everywhere would make the message unreadable."""
    text = printed_error(backend("Picky", write_key="lon"))

    assert "must be longer, got '********'" in text


@pytest.mark.parametrize(
    "name",
    [
        *("write_key", "api_key", "password", "secret", "token", "X-Api-Key", "client_secret"),
        *("AuthToken", "pasword", "wirte_key", "auth", "secret_access_key", "Authorization"),
    ],
)
def test_the_value_of_an_option_with_a_secret_name_is_masked(name, secret):
    """Also if the name is misspelled."""
    settings = keeper(**{name: secret})

    assert secret not in describe(settings)
    if name != "write_key":
        assert secret not in printed_error(settings)


@pytest.mark.parametrize("name", ["path", "host", "label", "passthrough", "author", "max_events"])
def test_the_value_of_any_other_option_is_shown(name):
    """A needlessly masked value helps nobody."""
    assert f"{name} = 'plain'" in describe(keeper(**{name: "plain"}))


def test_everything_below_a_secret_name_is_masked(secret):
    """Lists, mappings, numbers and bytes."""
    options = {"tokens": [secret, {"a": secret}, (secret.encode(), 12345678)], "ok": 1}

    text = describe(keeper(extra=options))

    assert secret not in text
    assert "12345678" not in text
    assert "ok = 1" in text


def test_an_empty_secret_is_shown():
    """An operator should see that a password is missing."""
    assert "password = ''" in describe(keeper(password=""))
    assert "token = None" in describe(keeper(token=None))


@pytest.mark.parametrize(
    "url",
    [
        *("redis://user:{}@host/0", "redis://:{}@host", "https://a:p@{}@host/x"),
        *("https://host/x?token={}&a=b", "https://host/x?a=b&api_key={}"),
    ],
)
def test_a_password_in_a_url_is_masked(url, secret):
    """In the tree and in the errors of constructors."""
    full = url.format(secret)

    assert secret not in describe(keeper(extra=full))
    assert secret not in printed_error(backend("Breaking", value=full))


def test_a_backend_with_a_secret_name_is_shown():
    """A log of password resets is not a secret."""
    entry = {"ENGINE": "settings_fakes.Keeper", "OPTIONS": {"label": "shown"}}

    text = describe({"EVENT_TRACKING_BACKENDS": {"password_resets": entry}})

    assert "label = 'shown'" in text
