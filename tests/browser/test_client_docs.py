"""The documentation page of the client matches the code."""

import re
from pathlib import Path
from textwrap import dedent, indent

import pytest
from fake_collector import STATIC
from page_scripts import READY

DOCS = Path(__file__).parents[2] / "docs/howto/browser.rst"


def code_blocks(language):
    blocks = re.findall(
        rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", DOCS.read_text("utf-8")
    )
    return [dedent(block) for block in blocks]


def test_the_page_lists_exactly_the_options_of_the_client():
    """None is missing, and none is made up."""
    code = (STATIC / "eventtracking.js").read_text("utf-8")
    names = re.findall(r'(?:options\.|numberOption\("|privacyOption\(")(\w+)', code)
    attributes = {re.sub("([A-Z])", r"-\1", f"data-{name}").lower() for name in names}

    rows = re.findall(r"^   \* - ``(data-[\w-]+)``", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(attributes)


def test_the_examples_of_the_page_work(browser, site):
    """They run in order, on a page that includes the script as shown."""
    if not DOCS.exists():
        pytest.skip("the documentation is not part of this checkout")
    [script] = code_blocks("html")
    site.add_page("/next")
    page_url = site.add_page(scripts=script.replace("/event/eventtracking.js", "/eventtracking.js"))
    with browser.page(page_url) as page:
        page.wait_for(READY)
        for code in code_blocks("javascript"):
            body = indent(code, "  ")
            page.evaluate(f"(async () => {{\n{body}}})()")
        page.evaluate("eventtracking.flush()")

    assert {"video.played", "shop.product.viewed", "page_view", "problem_save"} <= {*site.names()}
