"""How Sphinx builds this documentation, without a network."""

import os
import sys
from pathlib import Path
from typing import Any

# The application's modules are documented, and cannot be imported without settings.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django.conf.global_settings")
sys.path.insert(0, str(Path(__file__).parents[1]))

import eventtracking

project = "eventtracking"
author = "the eventtracking maintainers"
project_copyright = author
release = version = eventtracking.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"eventtracking {release}"
exclude_patterns = ["_build"]

default_role = "literal"
highlight_language = "none"
nitpicky = True

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

# The inventories of Python and Django, which would make links of these, are on a network.
nitpick_ignore_regex = [
    ("py:class", r"(abc|argparse|collections|contextlib|datetime|django|json|os|re)\..+"),
    # Django's again, where only type checkers import them.
    ("py:class", r"Http(Request|Response)"),
    # The annotations of the delivery options, such as `Annotated[float, default(1.0)]`.
    ("py:class", r"types\.Annotated|default|\d+\.\d+"),
    # What no page shows, because users need not know it.
    ("py:class", r"eventtracking\._.+"),
]


def setup(app: Any) -> None:
    """Show docstrings the way they are meant."""
    sentences: dict[str, list[str]] = {}

    def before_napoleon(_: Any, what: str, name: str, *args: Any) -> None:
        lines = args[-1]
        if what in ("attribute", "data", "property"):
            # It takes the first line up to a colon for a type. Here that is a sentence.
            sentences[name] = lines[:]
        if what == "module":
            show_as_it_stands(lines)

    def after_napoleon(_: Any, _what: str, name: str, *args: Any) -> None:
        lines = args[-1]
        lines[:] = sentences.pop(name, lines)

    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)


def show_as_it_stands(lines: list[str]) -> None:
    """Make what is indented in the docstring of a module, a tree or settings, a literal block."""
    for number in range(len(lines) - 1, 0, -1):
        begins = lines[number].startswith("    ") and not lines[number - 1]
        if begins and not lines[number - 2].startswith("    "):
            lines[number:number] = ["::", ""]
