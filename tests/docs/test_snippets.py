"""The documentation: its code runs, and its lists are complete."""

import ast
import re
from pathlib import Path

import pytest
import snippets

import eventtracking
from eventtracking.request import FACTS
from eventtracking.settings.names import DEFAULTS, DJANGO_ONLY
from eventtracking.stats import LOSS_REASONS

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
DOCUMENTS = [REPOSITORY / "README.rst", *sorted(DOCS.rglob("*.rst"))]
PACKAGE = Path(eventtracking.__file__).parent

# A placeholder of a log message.
PLACEHOLDER = r"%(?:\.(?:\d+|\*))?[sdr]"


def name(path):
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_snippet_of_a_document_runs_unchanged(document, tmp_path):
    """A reader who copies a snippet gets the output that is shown."""
    if re.search(r"^ +(?:from|import) django\b", document.read_text("utf-8"), re.MULTILINE):
        pytest.importorskip("django")

    snippets.run(document, tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_snippet_has_a_language_that_is_tested(document):
    """A block in another language, or after `::`, would never run."""
    text = document.read_text("utf-8")

    assert {block.language for block in snippets.blocks(document)} <= snippets.LANGUAGES
    assert len(re.findall(r"\.\. code", text)) == len([*snippets.blocks(document)])
    assert not re.search(r"^(?!\.\. ).*::$", text, re.MULTILINE)


def test_the_readme_starts_with_two_commands():
    """A newcomer first sees the demo and then the tests run."""
    first, second = [
        block.text.strip()
        for block in snippets.blocks(REPOSITORY / "README.rst")
        if block.language == "console"
    ][:2]

    assert first == "$ pip install . && eventtracking demo"
    assert second == "$ pip install tox && tox"


def test_a_failing_snippet_fails_its_document(tmp_path):
    """A check that never fails would check nothing."""
    for language, code in (
        ("python", "1 / 0"),
        ("text", "never printed"),
        ("toml", "EVENT_TRACKING_ENABLED = 5"),
        ("console", "$ echo one\n   two"),
    ):
        document = tmp_path / "wrong.rst"
        document.write_text(f".. code-block:: {language}\n\n   {code}\n")
        with pytest.raises(AssertionError):
            snippets.run(document, tmp_path)


def sources():
    """Return the files of the package, except those of its demo and inspector programs."""
    programs = {"demo", "inspector"}
    paths = sorted(PACKAGE.rglob("*.py"))
    return [path for path in paths if not programs & {*path.relative_to(PACKAGE).parts}]


def texts():
    """Return every one-line string in the package that is long enough to be a message."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sources()]
    found = [
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return sorted({text for text in found if len(text) > len("%s: %s") and "\n" not in text})


def pattern(message):
    """Return a pattern that matches *message* with values for its placeholders."""
    # The number of repetitions at the end, and the quotes of %r, are not documented.
    fixed = re.split(rf"'?{PLACEHOLDER}'?", message.removesuffix("%s%s").replace('"', "'"))
    return ".+".join(map(re.escape, fixed)).removesuffix(".+")


def documented():
    """Return the messages that the operations guide explains."""
    page = (DOCS / "howto" / "operating.rst").read_text("utf-8").replace('"', "'")
    return re.findall(r"^``(.+)``$", page, re.MULTILINE)


@pytest.mark.parametrize("message", [text for text in texts() if re.search(PLACEHOLDER, text)])
def test_the_operations_guide_explains_every_log_message(message):
    """An operator on call finds its meaning and the action to take."""
    assert [text for text in documented() if re.match(pattern(message), text)]


@pytest.mark.parametrize("text", documented())
def test_the_operations_guide_explains_no_message_that_is_never_logged(text):
    """An outdated guide would mislead its readers."""
    # An f-string is recognised by its longest constant part.
    assert [
        each for each in texts() if re.match(pattern(each), text) or (each[20:] and each in text)
    ]


def test_the_reference_lists_every_loss_reason_and_setting():
    """Users can look up every setting and every reason in the statistics."""
    text = "".join(page.read_text("utf-8") for page in (DOCS / "reference").glob("*.rst"))

    assert [reason for reason in LOSS_REASONS if f"``{reason}``" not in text] == []
    assert [name for name in (*DEFAULTS, *DJANGO_ONLY) if f"``{name}``" not in text] == []


def test_the_request_guide_lists_every_fact():
    """Users find the meaning of each field that they may choose."""
    table = (DOCS / "howto" / "request.rst").read_text("utf-8")

    assert [fact for fact in FACTS if not re.search(rf"^``{fact}`` ", table, re.MULTILINE)] == []


def test_the_django_guide_lists_every_system_check():
    """Users can look up the id that a check reports."""
    source = (PACKAGE / "django" / "checks.py").read_text("utf-8")
    table = (DOCS / "howto" / "django.rst").read_text("utf-8")
    defined, listed = (
        sorted({*re.findall(r"eventtracking\.[EW]\d{3}", text)}) for text in (source, table)
    )

    assert listed == defined
