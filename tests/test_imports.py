"""Importing what a setting names, and saying why that failed."""

import subprocess
import sys

import pytest

from eventtracking import _imports
from eventtracking.exceptions import ImproperlyConfigured


def refusal(path):
    with pytest.raises(ImproperlyConfigured) as raised:
        _imports.import_string(path)
    return raised.value


def module(folder, name, text):
    (folder / f"{name}.py").write_text(text)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_dotted_path_is_imported():
    """A class, a function, any object."""
    assert _imports.import_string("collections.abc.Mapping").__name__ == "Mapping"


@pytest.mark.parametrize("path", ["", "Class", ".Class", "a..b", "a.b.", ".a.b", "."])
def test_a_path_without_its_parts_is_explained(path):
    """By the form that it should have."""
    assert str(refusal(path)).endswith("is not a dotted path such as 'package.module.Class'")


def test_a_missing_module_is_named_with_the_nearest():
    """Not the whole path, but the part that is missing."""
    assert str(refusal("eventtracking.trackr.Tracker")) == (
        "there is no module 'eventtracking.trackr'. Did you mean 'eventtracking.tracker'?"
    )
    assert "Did you mean 'eventtracking'?" in str(refusal("eventtrcking.tracker.Tracker"))


def test_a_missing_module_without_a_neighbour_names_the_two_cures():
    """There is nothing to suggest."""
    assert str(refusal("qqqqqqqq.X")) == (
        "there is no module 'qqqqqqqq'. Install what brings it, or correct the path"
    )


def test_a_missing_name_is_reported_with_the_nearest_and_its_cause():
    """The original error is chained."""
    error = refusal("eventtracking.exceptions.EventLots")

    assert str(error) == (
        "module 'eventtracking.exceptions' has no 'EventLots'. Did you mean 'EventLost'?"
    )
    assert isinstance(error.__cause__, AttributeError)


def test_a_module_is_not_what_was_asked_for():
    """Somebody forgot the last part."""
    assert str(refusal("eventtracking.exceptions")) == (
        "'eventtracking.exceptions' is a module. Add the name of what it holds"
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
    """It is not mistaken for a wrong path."""
    name = f"broken_{request.node.callspec.indices['text']}"
    module(folder, name, text)

    error = refusal(f"{name}.Thing")

    assert str(error).startswith(f"importing '{name}' failed: ")
    assert reason in str(error)
    assert error.__cause__ is not None


def test_an_error_of_a_module_that_imports_on_demand_is_shown(folder):
    """A module-level `__getattr__` can fail in any way."""
    module(folder, "on_demand", "def __getattr__(name):\n    raise ImportError('no ' + name)\n")

    assert str(refusal("on_demand.Thing")) == (
        "importing 'on_demand.Thing' failed: ImportError: no Thing"
    )


def test_a_package_of_an_extra_is_returned():
    """When it is there, that is all."""
    assert _imports.require("json", extra="http").__name__ == "json"


def test_a_missing_extra_names_the_line_that_installs_it():
    """The cure can be copied."""
    with pytest.raises(ImproperlyConfigured) as raised:
        _imports.require("surely_not_installed", extra="http")

    assert str(raised.value) == (
        "'surely_not_installed' is not installed. Run: pip install 'eventtracking[http]'"
    )


def test_settings_import_nothing_that_only_few_programs_need():
    """Time zones, parsers and the search for near names are loaded when they are used."""
    code = (
        "import sys\nbefore = set(sys.modules)\nimport eventtracking.settings\n"
        "print(*({'pytz', 'tomllib', 'difflib', 'django'} & (set(sys.modules) - before)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
