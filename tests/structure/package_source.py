"""The source code of the package as syntax trees."""

import ast
from functools import cache
from pathlib import Path

import eventtracking

PACKAGE = Path(eventtracking.__file__).parent
TESTS = Path(__file__).parents[1]
REPOSITORY = TESTS.parent

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def modules():
    """Return the syntax tree of every module of the package by its dotted name."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {dotted(path): ast.parse(path.read_text("utf-8")) for path in paths}


def dotted(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_package(name):
    return (PACKAGE.parent.joinpath(*name.split(".")) / "__init__.py").exists()


# Packages whose `__init__` is the only module that users import, and internal ones.
FACES = (
    "eventtracking.delivery",
    "eventtracking.journal",
    "eventtracking.request",
    "eventtracking.settings",
    "eventtracking.web.collector",
)
INTERNAL = (
    "eventtracking.backends.timeouts",
    "eventtracking.commands",
    "eventtracking.destinations",
    "eventtracking.django.request_facts",
    "eventtracking.locks",
    "eventtracking.redaction",
    "eventtracking.truncation",
    "eventtracking.web.middleware",
)


def is_public(name):
    return not any(part.startswith("_") for part in name.split("."))


def is_for_users(module):
    """Return whether users may import from *module*."""
    is_hidden = module.startswith(tuple(f"{name}." for name in (*FACES, *INTERNAL)))
    return is_public(module) and not is_hidden and module not in INTERNAL


def functions():
    """Yield `(module, qualified name, node)` for every function and method, nested ones too."""
    for module, tree in modules().items():
        for name, node in definitions(tree):
            if isinstance(node, FUNCTIONS):
                yield module, name, node


def definitions(node, prefix=""):
    """Yield `(qualified name, node)` for every class and function below *node*."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield f"{prefix}{child.name}", child
            yield from definitions(child, f"{prefix}{child.name}.")
        else:
            yield from definitions(child, prefix)


def inside(node):
    """Yield the nodes inside *node*, except those in nested functions and classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield child
            yield from inside(child)
