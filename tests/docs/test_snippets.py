"""What the documents show works as it stands, and says what they say it says."""

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

# Where a message has something filled in.
PLACE = r"%(?:\.(?:\d+|\*))?[sdr]"


def name(path):
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_snippet_of_a_document_runs_as_it_stands(document, tmp_path):
    """A reader who pastes it gets what is shown."""
    if re.search(r"^ +(?:from|import) django\b", document.read_text("utf-8"), re.MULTILINE):
        pytest.importorskip("django")

    snippets.run(document, tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_snippet_escapes_by_its_language(document):
    """A block in another language, or after `::`, would never run."""
    text = document.read_text("utf-8")

    assert {block.language for block in snippets.blocks(document)} <= snippets.LANGUAGES
    assert len(re.findall(r"\.\. code", text)) == len([*snippets.blocks(document)])
    assert not re.search(r"^(?!\.\. ).*::$", text, re.MULTILINE)


def test_the_readme_begins_with_the_two_commands():
    """See it run, then see its tests run: everything else comes later."""
    first, second = [
        block.text.strip()
        for block in snippets.blocks(REPOSITORY / "README.rst")
        if block.language == "console"
    ][:2]

    assert first == "$ pip install . && eventtracking demo"
    assert second == "$ pip install tox && tox"


def test_a_snippet_that_fails_fails_its_document(tmp_path):
    """A check that never fails checks nothing."""
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
    """Return the files of the package without what are programs of their own."""
    programs = {"demo", "inspector"}
    paths = sorted(PACKAGE.rglob("*.py"))
    return [path for path in paths if not programs & {*path.relative_to(PACKAGE).parts}]


def texts():
    """Return every text in the package that is long enough to be a message, without docstrings."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sources()]
    found = [
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return sorted({text for text in found if len(text) > len("%s: %s") and "\n" not in text})


def pattern(message):
    """Return what matches *message* with its places filled in."""
    # The number of times, and the quotes of %r, are the business of whoever logs.
    fixed = re.split(rf"'?{PLACE}'?", message.removesuffix("%s%s").replace('"', "'"))
    return ".+".join(map(re.escape, fixed)).removesuffix(".+")


def documented():
    """Return the messages that the page for operators explains."""
    page = (DOCS / "howto" / "operating.rst").read_text("utf-8").replace('"', "'")
    return re.findall(r"^``(.+)``$", page, re.MULTILINE)


@pytest.mark.parametrize("message", [text for text in texts() if re.search(PLACE, text)])
def test_every_message_that_is_logged_is_on_the_page_for_operators(message):
    """Whoever is woken by one finds there what it means and what to do."""
    assert [text for text in documented() if re.match(pattern(message), text)]


@pytest.mark.parametrize("text", documented())
def test_the_page_for_operators_has_no_message_that_is_never_logged(text):
    """A page that lags behind sends its reader the wrong way."""
    # An f-string is known by its longest part.
    assert [
        each for each in texts() if re.match(pattern(each), text) or (each[20:] and each in text)
    ]


def test_the_reference_names_every_reason_and_setting():
    """What can be set or counted can be looked up."""
    text = "".join(page.read_text("utf-8") for page in (DOCS / "reference").glob("*.rst"))

    assert [reason for reason in LOSS_REASONS if f"``{reason}``" not in text] == []
    assert [name for name in (*DEFAULTS, *DJANGO_ONLY) if f"``{name}``" not in text] == []


def test_the_page_on_requests_names_every_fact():
    """Who chooses the fields finds there what each of them means."""
    table = (DOCS / "howto" / "request.rst").read_text("utf-8")

    assert [fact for fact in FACTS if not re.search(rf"^``{fact}`` ", table, re.MULTILINE)] == []


def test_the_page_on_django_lists_every_check():
    """An id that a check shows can be looked up."""
    source = (PACKAGE / "django" / "checks.py").read_text("utf-8")
    table = (DOCS / "howto" / "django.rst").read_text("utf-8")
    given, listed = (
        sorted({*re.findall(r"eventtracking\.[EW]\d{3}", text)}) for text in (source, table)
    )

    assert listed == given
