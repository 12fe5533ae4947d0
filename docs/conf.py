"""Build this documentation with Sphinx, without a network."""

import os
import sys
from pathlib import Path
from typing import Any

# The modules of the Django application cannot be imported without settings.
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

# Links to these need the inventories of Python and Django, which are on a network.
nitpick_ignore_regex = [
    ("py:class", r"(abc|argparse|collections|contextlib|datetime|django|enum|json|os|re)\..+"),
    # Names of Django that only type checkers import.
    ("py:class", r"Http(Request|Response)"),
    # The annotations of the delivery options, such as `Annotated[float, default(1.0)]`.
    ("py:class", r"types\.Annotated|default|\d+\.\d+"),
    # Internal modules, which no page documents.
    ("py:class", r"eventtracking\._.+"),
]


def setup(app: Any) -> None:
    """Correct the effect of napoleon on docstrings."""
    sentences: dict[str, list[str]] = {}

    def before_napoleon(_: Any, what: str, name: str, *args: Any) -> None:
        lines = args[-1]
        if what in ("attribute", "data", "property"):
            # napoleon treats the first line up to a colon as a type. Here it is a sentence.
            sentences[name] = lines[:]
        if what == "module":
            make_literal(lines)

    def after_napoleon(_: Any, _what: str, name: str, *args: Any) -> None:
        lines = args[-1]
        lines[:] = sentences.pop(name, lines)

    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)


def make_literal(lines: list[str]) -> None:
    """Turn each indented part of the docstring of a module into a literal block."""
    for number in range(len(lines) - 1, 0, -1):
        begins = lines[number].startswith("    ") and not lines[number - 1]
        if begins and not lines[number - 2].startswith("    "):
            lines[number:number] = ["::", ""]
