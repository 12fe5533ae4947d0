"""The page for front-end developers is true."""

import re
from pathlib import Path
from textwrap import dedent, indent

import pytest
from page_scripts import READY
from stand_in_collector import STATIC

DOCS = Path(__file__).parents[2] / "docs/howto/browser.rst"


def blocks(language):
    found = re.findall(
        rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", DOCS.read_text("utf-8")
    )
    return [dedent(text) for text in found]


def test_every_option_of_the_client_is_explained():
    """And none that there is not."""
    code = (STATIC / "eventtracking.js").read_text("utf-8")
    names = re.findall(r'(?:options\.|number\("|mode\(")(\w+)', code)
    attributes = {re.sub("([A-Z])", r"-\1", f"data-{name}").lower() for name in names}

    rows = re.findall(r"^   \* - ``(data-[\w-]+)``", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(attributes)


def test_the_code_of_the_page_does_what_it_says(browser, site):
    """In its order, on a page that has the script as it is shown."""
    if not DOCS.exists():
        pytest.skip("the documentation is not here")
    [script] = blocks("html")
    site.page("/next")
    page_url = site.page(scripts=script.replace("/event/eventtracking.js", "/eventtracking.js"))
    with browser.page(page_url) as page:
        page.wait_for(READY)
        for code in blocks("javascript"):
            body = indent(code, "  ")
            page.evaluate(f"(async () => {{\n{body}}})()")
        page.evaluate("eventtracking.flush()")

    assert {"video.played", "shop.product.viewed", "page_view", "problem_save"} <= {*site.names()}
