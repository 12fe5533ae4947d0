"""The words of the project: the field's own, and sentences that name their noun."""

import ast
import re

import pytest
from package_source import PACKAGE, REPOSITORY, TESTS
from prose import sentences

# Words that were retired, as a part of a name anywhere, and the word to use.
RETIRED = {
    "books": "statistics, counters",
    "echoes": "secret masking",
    "gate": "circuit breaker",
    "glance": "prefilter, fast path",
    "mend": "fix",
    "pen": "segment writer",
    "scene": "identity",
    "suspicion": "value test",
    "suspicions": "value tests",
    "tally": "counters, statistics",
}

# The same, as a whole name: within another name they may be plain English.
RETIRED_WHOLE = {
    "door": "integration, endpoint",
    "doors": "integrations, endpoints",
    "ends": "lifecycle, shutdown",
    "looks": "placeholders, prefilter",
    "odd": "invalid, unknown",
    "pieces": "partial parse, legacy form",
    "views": "decoding",
    "way": "emit depth, request resolver, offset map",
}

# The same, in the code and tests of one package.
RETIRED_IN = {
    "redaction": {"look", "looks", "view", "views"},
    "delivery": {"entry", "entries", "journal", "journals"},
}

RETIRED_IN_SCRIPTS = ("me", "beat", "pulse", "heed", "beam", "flies", "glance")

# Django's own word for a function that handles a request.
DJANGO_WORDS = {"views"}
DJANGO_PACKAGES = ("django", "openedx")

SCRIPTS = (".js", ".mjs", ".ts", ".mts")
PROSE = (".py", ".rst", *SCRIPTS)

# A sentence may ask, and a few are fine without.
UNNAMED = re.compile(r"(What|Who|Whoever|Whose)\b")
MOST_UNNAMED = 40


def files(*suffixes):
    """Yield the files of the project with these *suffixes*, the changelog excepted."""
    folders = (PACKAGE, TESTS, REPOSITORY / "docs")
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in sorted([*found, *REPOSITORY.glob("*.rst"), *REPOSITORY.glob("*.py")]):
        if path.suffix in suffixes and path.name != "CHANGELOG.rst":
            yield path


def shown(path):
    """Return *path* as in the repository, also where the tests import an installed package."""
    root = PACKAGE.parent if PACKAGE in path.parents else REPOSITORY
    return str(path.relative_to(root))


def identifiers(tree):
    """Yield `(line, name)` for every name that *tree* defines or uses, imports excepted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.lineno, node.arg


def words(name):
    """Return the words of a name: `snake_case` and `CamelCase` are two words each."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)


def retired(name, package=""):
    """Return the retired words in *name*, in lower case."""
    parts = {word.lower() for word in words(name)}
    found = parts & (RETIRED.keys() | RETIRED_IN.get(package, set()))
    found |= {name.strip("_").lower()} & RETIRED_WHOLE.keys()
    return found - DJANGO_WORDS if package in DJANGO_PACKAGES else found


def package_of(path):
    """Return the name of the package that *path* belongs to, or tests."""
    parts = shown(path).split("/")
    return parts[1] if len(parts) > 2 and parts[0] in ("eventtracking", "tests") else ""


@pytest.mark.parametrize("path", [*files(".py")], ids=shown)
def test_no_name_is_a_retired_word(path):
    """One thing has one name, and a reader knows it from elsewhere."""
    package = package_of(path)
    names = [(0, path.stem), *identifiers(ast.parse(path.read_text("utf-8")))]
    found = [f"{line}: {name}" for line, name in names if retired(name, package)]

    assert found == []


@pytest.mark.parametrize("path", [*files(*SCRIPTS)], ids=shown)
def test_no_name_of_a_script_is_a_retired_word(path):
    """The browser client speaks the language of the rest."""
    code = re.sub(
        r"/\*.*?\*/|//[^\n]*|'[^'\n]*'|\"[^\"\n]*\"", "", path.read_text(), flags=re.DOTALL
    )

    assert re.findall(rf"\b(?:{'|'.join(RETIRED_IN_SCRIPTS)})\b", code) == []


def test_nearly_every_sentence_names_its_noun():
    """A sentence that begins with What, Who, Whoever or Whose asks something, or is reworded."""
    found = [
        f"{shown(path)}:{line}: {sentence}"
        for path in files(*PROSE)
        for line, sentence in sentences(path)
        if UNNAMED.match(sentence) and not sentence.endswith("?")
    ]

    assert found[MOST_UNNAMED:] == []


@pytest.mark.parametrize(
    ("name", "package", "found"),
    [
        ("Gate", "", {"gate"}),
        ("_own_books", "", {"books"}),
        ("way", "", {"way"}),
        ("by_the_way", "", set()),
        ("entry", "delivery", {"entry"}),
        ("entry", "settings", set()),
        ("DECODED_VIEW", "redaction", {"view"}),
        ("views", "", {"views"}),
        ("views", "django", set()),
        ("navigate", "", set()),
        ("open", "", set()),
    ],
)
def test_the_test_itself_sees_a_retired_word(name, package, found):
    """A check that never fails checks nothing."""
    assert retired(name, package) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What it is. Who asks? Whoever can.", ["What it is.", "Who asks?", "Whoever can."]),
        ("- What waits\n- Sends what waits", ["What waits", "Sends what waits"]),
        ("Version 1.0 is out", ["Version 1.0 is out"]),
    ],
)
def test_the_test_itself_sees_sentences(tmp_path, text, expected):
    """Also in list items, and not within a number."""
    path = tmp_path / "page.rst"
    path.write_text(text)

    assert [sentence for _, sentence in sentences(path)] == expected
