"""Importing objects that settings name, and the errors of wrong paths."""

import subprocess
import sys

import pytest

from eventtracking import _imports
from eventtracking.exceptions import ImproperlyConfigured


def error_of(path):
    with pytest.raises(ImproperlyConfigured) as raised:
        _imports.import_string(path)
    return raised.value


def write_module(folder, name, text):
    (folder / f"{name}.py").write_text(text)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder from which modules can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_dotted_path_is_imported():
    """It may name a class, a function or any other object."""
    assert _imports.import_string("collections.abc.Mapping").__name__ == "Mapping"


@pytest.mark.parametrize("path", ["", "Class", ".Class", "a..b", "a.b.", ".a.b", "."])
def test_a_malformed_path_is_explained(path):
    """The error shows the expected form."""
    assert str(error_of(path)).endswith("is not a dotted path such as 'package.module.Class'")


def test_a_missing_module_is_reported_with_a_suggestion():
    """The error names the missing module, not the whole path."""
    assert str(error_of("eventtracking.trackr.Tracker")) == (
        "there is no module 'eventtracking.trackr'. Did you mean 'eventtracking.tracker'?"
    )
    assert "Did you mean 'eventtracking'?" in str(error_of("eventtrcking.tracker.Tracker"))


def test_a_missing_module_without_a_suggestion_is_reported_with_two_fixes():
    """Installing a package, or correcting the path."""
    assert str(error_of("qqqqqqqq.X")) == (
        "there is no module 'qqqqqqqq'. Install the package that contains it, or correct the path"
    )


def test_a_missing_name_is_reported_with_a_suggestion_and_its_cause():
    """The original error is chained."""
    error = error_of("eventtracking.exceptions.EventLots")

    assert str(error) == (
        "module 'eventtracking.exceptions' has no 'EventLots'. Did you mean 'EventLost'?"
    )
    assert isinstance(error.__cause__, AttributeError)


def test_the_path_of_a_module_is_refused():
    """The name of an object in it is missing."""
    assert str(error_of("eventtracking.exceptions")) == (
        "'eventtracking.exceptions' is a module. Add the name of an object in it"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import surely_not_installed", "No module named 'surely_not_installed'"),
        ("from os import surely_not_there", "ImportError: cannot import name"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_an_error_inside_an_existing_module_is_shown(folder, request, text, reason):
    """It is not reported as a wrong path."""
    name = f"broken_{request.node.callspec.indices['text']}"
    write_module(folder, name, text)

    error = error_of(f"{name}.Thing")

    assert str(error).startswith(f"importing '{name}' failed: ")
    assert reason in str(error)
    assert error.__cause__ is not None


def test_an_error_of_a_module_with_lazy_names_is_shown(folder):
    """A module-level `__getattr__` may raise any exception."""
    write_module(
        folder, "on_demand", "def __getattr__(name):\n    raise ImportError('no ' + name)\n"
    )

    assert str(error_of("on_demand.Thing")) == (
        "importing 'on_demand.Thing' failed: ImportError: no Thing"
    )


def test_an_installed_package_of_an_extra_is_returned():
    """No error is raised."""
    assert _imports.require("json", extra="http").__name__ == "json"


def test_a_missing_package_is_reported_with_the_command_that_installs_it():
    """The command can be copied."""
    with pytest.raises(ImproperlyConfigured) as raised:
        _imports.require("surely_not_installed", extra="http")

    assert str(raised.value) == (
        "'surely_not_installed' is not installed. Run: pip install 'eventtracking[http]'"
    )


def test_settings_import_rarely_used_modules_on_demand():
    """Time zones, the TOML parser and `difflib` are imported when they are used."""
    code = (
        "import sys\nbefore = set(sys.modules)\nimport eventtracking.settings\n"
        "print(*({'pytz', 'tomllib', 'difflib', 'django'} & (set(sys.modules) - before)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
