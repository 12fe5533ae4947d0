"""Style: short functions, documented names, and a docstring in every test."""

import ast
from statistics import median

import pytest
from package_source import (
    FUNCTIONS,
    REPOSITORY,
    TESTS,
    definitions,
    functions,
    is_public,
    modules,
)

MOST_LINES = 50
MEDIAN_BELOW = 8
MOST_METHODS = 20

# Every other option is refused by _options, which reports all wrong ones at once.
MOST_HAND_WRITTEN_ERRORS = 25

MEANINGLESS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "tools"}

# Split, so that this file does not contain them.
NOTES_TO_SELF = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def lines(node):
    """Return the number of lines of a function, without its docstring and decorators."""
    docstring = node.body[0] if ast.get_docstring(node) is not None else None
    documentation = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return node.end_lineno - node.lineno + 1 - documentation


def all_tests():
    """Yield `(file and function, node)` for every test function."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for name, node in definitions(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
                yield f"{path.relative_to(TESTS)}::{name}", node


def test_no_function_is_longer_than_a_screen():
    """A reader sees all of a function at once."""
    long = {f"{module}.{name}": lines(node) for module, name, node in functions()}

    assert {name: count for name, count in long.items() if count > MOST_LINES} == {}


def test_most_functions_are_short():
    """The median is printed."""
    found = median(lines(node) for _, _, node in functions())
    print(f"median length of a function: {found:g} lines")  # noqa: T201  # printed so that growth is noticed

    assert found < MEDIAN_BELOW


def test_no_class_has_two_jobs():
    """A class with more methods than this has a second job, which deserves a class of its own."""
    methods = {
        f"{module}.{name}": sum(isinstance(child, FUNCTIONS) for child in node.body)
        for module, tree in modules().items()
        for name, node in definitions(tree)
        if isinstance(node, ast.ClassDef)
    }

    assert {name: count for name, count in methods.items() if count > MOST_METHODS} == {}


def test_options_are_refused_in_one_place():
    """So that all wrong options of a class are one error, in one form."""
    raised = [
        module
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ImproperlyConfigured"
        if module != "eventtracking._options"
    ]

    assert len(raised) <= MOST_HAND_WRITTEN_ERRORS, raised


def test_no_module_has_a_meaningless_name():
    """Names such as `utils` say nothing about the contents of a module."""
    assert {part for name in modules() for part in name.split(".")} & MEANINGLESS == set()


@pytest.mark.parametrize("module", modules())
def test_everything_public_has_a_docstring(module):
    """This includes methods, except magic methods, which Python documents."""
    tree = modules()[module]
    undocumented = [
        name
        for name, node in definitions(tree)
        if is_public(name)
        and not isinstance(enclosing(tree, name), FUNCTIONS)
        and not is_overload(node)
        and not ast.get_docstring(node)
    ]

    assert ast.get_docstring(tree)
    assert undocumented == []


def is_overload(node):
    """Return whether *node* is a signature for type checkers only."""
    return "overload" in map(ast.unparse, node.decorator_list)


def enclosing(tree, name):
    return dict(definitions(tree)).get(name.rpartition(".")[0])


def test_every_test_has_a_docstring():
    """The name of a test is the promise, and its docstring says what it means for the reader."""
    undocumented = [name for name, node in all_tests() if not ast.get_docstring(node)]

    assert undocumented == []


def test_names_of_test_files_are_unique():
    """The folders of tests are not packages, so a file would hide another of the same name."""
    names = [path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py"]

    assert sorted(names) == sorted(set(names))
    assert "__init__.py" not in names


def test_no_file_contains_a_note_to_self():
    """Open work is an issue, not a comment."""
    folders = [REPOSITORY / "eventtracking", TESTS, REPOSITORY / "docs"]
    files = [*REPOSITORY.glob("*.rst"), *(p for f in folders for p in f.rglob("*"))]
    notes = [
        path.name
        for path in files
        if path.suffix in (".py", ".rst", ".html", ".js", ".css")
        and any(note in path.read_text("utf-8") for note in NOTES_TO_SELF)
    ]

    assert notes == []


def test_the_licence_is_apache_2():
    """The text is complete: its title, its patent grant and its appendix."""
    text = (REPOSITORY / "LICENSE").read_text("utf-8")

    assert text.lstrip().startswith("Apache License\n")
    for passage in ("Version 2.0, January 2004", "3. Grant of Patent License.", "APPENDIX: How to"):
        assert passage in text
