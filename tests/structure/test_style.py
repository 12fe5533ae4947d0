"""How the files read: short functions, documented names, tests that say what they promise."""

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

NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "tools"}

# Written apart, so that this file does not hold them.
NOTES_TO_SELF = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def lines(node):
    """Return how many lines a function has, without its docstring and decorators."""
    docstring = node.body[0] if ast.get_docstring(node) is not None else None
    said = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return node.end_lineno - node.lineno + 1 - said


def promises():
    """Yield `(file and function, node)` for every test function."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for name, node in definitions(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
                yield f"{path.relative_to(TESTS)}::{name}", node


def test_no_function_is_longer_than_a_screen():
    """Whoever reads one at night sees all of it."""
    long = {f"{module}.{name}": lines(node) for module, name, node in functions()}

    assert {name: count for name, count in long.items() if count > MOST_LINES} == {}


def test_most_functions_are_short():
    """The median is printed, to be watched."""
    found = median(lines(node) for _, _, node in functions())
    print(f"median length of a function: {found:g} lines")  # noqa: T201  # to be watched

    assert found < MEDIAN_BELOW


def test_no_module_is_called_after_nothing():
    """A function without a home is an idea without a name."""
    assert {part for name in modules() for part in name.split(".")} & NAMELESS == set()


@pytest.mark.parametrize("module", modules())
def test_everything_public_has_a_docstring(module):
    """Modules, classes, functions and methods; a magic method's contract is the language's."""
    tree = modules()[module]
    undocumented = [
        name
        for name, node in definitions(tree)
        if is_public(name)
        and not isinstance(enclosing(tree, name), FUNCTIONS)
        and not ast.get_docstring(node)
    ]

    assert ast.get_docstring(tree)
    assert undocumented == []


def enclosing(tree, name):
    return dict(definitions(tree)).get(name.rpartition(".")[0])


def test_every_test_says_what_it_promises():
    """Its name is the promise, its docstring the reader's view of it."""
    silent = [name for name, node in promises() if not ast.get_docstring(node)]

    assert silent == []


def test_test_files_have_names_of_their_own():
    """Folders of tests are no packages, so two files of one name hide each other."""
    names = [path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py"]

    assert sorted(names) == sorted(set(names))
    assert "__init__.py" not in names


def test_no_file_holds_a_note_to_self():
    """What is left to do is an issue."""
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
    """The text is whole: its head, its grant and its appendix."""
    text = (REPOSITORY / "LICENSE").read_text("utf-8")

    assert text.lstrip().startswith("Apache License\n")
    for part in ("Version 2.0, January 2004", "3. Grant of Patent License.", "APPENDIX: How to"):
        assert part in text
