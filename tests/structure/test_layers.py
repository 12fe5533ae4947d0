"""Layers: the imports that each module of the package may have."""

import ast
import re
import sys

import pytest
from package_source import FACES, definitions, inside, is_package, modules

# The layer of a module is that of its longest prefix in this table.
LAYERS = {
    "eventtracking": 0,
    "eventtracking.exceptions": 0,
    "eventtracking.types": 0,
    "eventtracking._imports": 0,
    "eventtracking._options": 0,
    "eventtracking.locks": 0,
    "eventtracking.event": 1,
    "eventtracking.serialization": 1,
    "eventtracking.locator": 1,
    "eventtracking.stats": 1,
    "eventtracking.request": 1,
    "eventtracking.journal": 1,
    "eventtracking.redaction": 1,
    "eventtracking.truncation": 1,
    "eventtracking.delivery": 2,
    "eventtracking.destinations": 3,
    "eventtracking.processors": 4,
    "eventtracking.backends": 4,
    "eventtracking.tracker": 5,
    "eventtracking.settings": 6,
    "eventtracking.testing": 6,
    "eventtracking.pytest_plugin": 6,
    "eventtracking.inspector": 6,
    "eventtracking.web": 7,
    "eventtracking.django": 7,
    "eventtracking.openedx": 7,
    "eventtracking.commands": 7,
    "eventtracking.demo": 7,
    "eventtracking.cli": 7,
    "eventtracking.__main__": 7,
}

# The processors, and the backends, do not import each other.
INDEPENDENT = ("eventtracking.processors", "eventtracking.backends")
NO_BACKEND = {"eventtracking.backends.timeouts"}

# The exceptions to the rules below, as (importing module, imported module), with their reasons.
ALLOWED = {
    ("eventtracking.tracker", "eventtracking.settings"): (
        "upward, by name: the first emit of a program that configured nothing loads the "
        "settings file that the environment names"
    ),
    ("eventtracking.delivery.http.client", "eventtracking.delivery.http.connections"): (
        "it needs the extra urllib3, and building the backend reports that it is missing"
    ),
    ("eventtracking.commands.demo", "eventtracking.demo"): (
        "a web server and a simulated browser that no other command needs"
    ),
    ("eventtracking.commands.inspect", "eventtracking.inspector"): (
        "a web server that no other command needs"
    ),
    ("eventtracking.testing", "eventtracking.inspector"): ("a web server that few tests need"),
    ("eventtracking.pytest_plugin", "eventtracking.testing"): (
        "pytest loads every plugin before coverage starts, also in projects without events"
    ),
    ("eventtracking.web.middleware", "eventtracking.web.collector"): (
        "an application that only tracks its requests does not pay for a collector"
    ),
}
MOST_ALLOWED = 12
MOST_UPWARD = 2

# All other modules import only the standard library and these.
CORE_DEPENDENCIES = {"orjson", "pytz", "six"}
OPTIONAL_DEPENDENCIES = {
    "eventtracking.delivery.http.connections": {"urllib3"},
    # Django depends on asgiref.
    "eventtracking.django": {"asgiref", "django"},
    "eventtracking.openedx.management": {"django"},
    "eventtracking.openedx.segment_webhook": {"django"},
    "eventtracking.openedx.views": {"django"},
    "eventtracking.delivery.outbox.draining": {"tqdm"},
    "eventtracking.pytest_plugin": {"pytest"},
}

# Every other `__init__` holds only a docstring.
FILLED = {*FACES, "eventtracking.django"}

MOST_ENTRIES = 30
NOT_COUNTED = {"__init__", "__main__", "tasks", "handlers", "config"}
PRIVATE_ENTRIES = {"_imports", "_options"}


def layer(module):
    """Return the layer of *module*; `None` for a module that has none."""
    while module != "eventtracking" and module not in LAYERS:
        parent, _, _ = module.rpartition(".")
        if parent == "eventtracking":
            return None
        module = parent
    return LAYERS[module]


def imports(module, tree):
    """Yield `(imported module, line)` for every import that runs."""
    not_run = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in inside(block)
    }
    for node in ast.walk(tree):
        if id(node) in not_run:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(module, node)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in modules() else origin, node.lineno


def absolute(module, node):
    """Return the module that a `from ... import` names, relative ones spelled out."""
    if not node.level:
        return node.module
    package = module.split(".") if is_package(module) else module.split(".")[:-1]
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def named(tree):
    """Yield the modules of this package that strings in *tree* name, except in docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            for path in re.findall(r"\beventtracking(?:\.\w+)+", node.value):
                yield owner(path)


def owner(path):
    """Return the longest prefix of the dotted *path* that is a module."""
    while path not in modules():
        path = path.rpartition(".")[0]
    return path


def is_allowed(module, imported):
    return any(
        module == importing and f"{imported}.".startswith(f"{target}.")
        for importing, target in ALLOWED
    )


def upward(module, imported):
    """Return a complaint if *imported* is on a higher layer than *module*, or an empty string."""
    here, there = layer(module), layer(imported)
    if here is None or there is None or there <= here:
        return ""
    return f"{module} (layer {here}) imports {imported} (layer {there})"


def between_neighbours(module, imported):
    """Return a complaint if a processor or a backend imports another one, or an empty string."""
    parents = {name.rpartition(".")[0] for name in (module, imported)}
    is_neighbour = parents <= {*INDEPENDENT} and imported not in {module, *NO_BACKEND}
    return f"{module} imports its neighbour {imported}" if is_neighbour else ""


def from_own_face(module, imported):
    """Return a complaint if *module* imports its own package's `__init__`, or an empty string."""
    is_own = imported in FACES and module.startswith(f"{imported}.")
    return f"{module} imports from the __init__ of its own package" if is_own else ""


def ours(module, tree):
    """Yield the modules of this package that *module* imports."""
    for imported, _ in imports(module, tree):
        if imported.partition(".")[0] == "eventtracking":
            yield imported


def test_every_module_has_a_layer():
    """The author of a new package has to choose one."""
    assert [name for name in modules() if layer(name) is None] == []


@pytest.mark.parametrize("module", modules())
def test_no_module_imports_upward_or_from_a_neighbour_or_its_own_init(module):
    """Imports inside functions count as well."""
    rules = (upward, between_neighbours, from_own_face)
    found = [
        complaint
        for imported in ours(module, modules()[module])
        for rule in rules
        if not is_allowed(module, imported) and (complaint := rule(module, imported))
    ]

    assert found == []


@pytest.mark.parametrize("module", modules())
def test_no_string_names_a_module_of_a_higher_layer(module):
    """`import_string` would bypass the layers."""
    found = [
        complaint
        for imported in named(modules()[module])
        if not is_allowed(module, imported) and (complaint := upward(module, imported))
    ]

    assert found == []


@pytest.mark.parametrize("module", modules())
def test_no_function_imports_from_this_package(module):
    """Such an import hides a cycle, or a dependency that readers expect at the top of the file."""
    tree = modules()[module]
    hidden = [
        f"{name} imports {imported}"
        for name, node in definitions(tree)
        if not isinstance(node, ast.ClassDef)
        for imported in ours(module, ast.Module([*inside(node)], []))
        if not is_allowed(module, imported)
    ]

    assert hidden == []


def test_no_modules_import_each_other_in_a_cycle():
    """Each module can be read, tested and moved without the others."""
    graph = {name: {*ours(name, tree)} & {*modules()} for name, tree in modules().items()}

    assert cycle(graph) == []


def cycle(graph):
    """Return the modules of an import cycle in *graph*, or an empty list."""
    done = set()

    def walk(module, path):
        if module in path:
            return path[path.index(module) :]
        if module in done:
            return []
        for imported in sorted(graph[module]):
            if imported != module and (found := walk(imported, [*path, module])):
                return found
        done.add(module)
        return []

    return next(filter(None, (walk(module, []) for module in graph)), [])


def test_the_exceptions_are_few_and_needed():
    """An exception that no module uses any more is removed from the list."""
    used = {
        (importing, target)
        for importing, target in ALLOWED
        for imported in [
            *ours(importing, modules()[importing]),
            *named(modules()[importing]),
        ]
        if f"{imported}.".startswith(f"{target}.")
    }
    above = [pair for pair in ALLOWED if upward(*pair)]

    assert used == {*ALLOWED}
    assert all(ALLOWED.values())
    assert len(ALLOWED) <= MOST_ALLOWED
    assert len(above) <= MOST_UPWARD


@pytest.mark.parametrize("module", modules())
def test_only_an_integration_imports_its_framework(module):
    """All other modules need only the standard library and the three core dependencies."""
    package = next(
        (name for name in OPTIONAL_DEPENDENCIES if f"{module}.".startswith(f"{name}.")), None
    )
    allowed = {"eventtracking", *sys.stdlib_module_names, *CORE_DEPENDENCIES}
    allowed |= OPTIONAL_DEPENDENCIES.get(package, set())
    roots = {imported.partition(".")[0] for imported, _ in imports(module, modules()[module])}

    assert roots - allowed == set()


def test_an_init_is_empty_or_lists_the_public_names():
    """It holds a docstring, imports and `__all__`; that of the package holds the version."""
    filled = {
        name
        for name, tree in modules().items()
        if is_package(name) and name != "eventtracking" and tree.body[1:]
    }

    assert filled == FILLED
    for name in FILLED:
        _, *body = modules()[name].body
        assert {type(node) for node in body} <= {ast.Import, ast.ImportFrom, ast.Assign}, name
        assert ast.unparse(body[-1]).startswith("__all__ = ["), name
    assert [
        ast.unparse(node).partition(" =")[0] for node in modules()["eventtracking"].body[1:]
    ] == ["__version__"]


def test_the_top_level_of_the_package_is_small():
    """A newcomer sees the modules on the path of an event, and the packages."""
    entries = {name.split(".")[1] for name in modules() if "." in name} - NOT_COUNTED

    assert len(entries) <= MOST_ENTRIES
    assert {entry for entry in entries if entry.startswith("_")} <= PRIVATE_ENTRIES


@pytest.mark.parametrize(
    ("module", "statement", "complaint"),
    [
        ("eventtracking.stats", "import eventtracking.tracker", "(layer 1) imports"),
        ("eventtracking.tracker", "def f():\n    from eventtracking import settings", "(layer 5)"),
        ("eventtracking.backends.memory", "from . import logger", "its neighbour"),
        ("eventtracking.processors.sampling", "from .whitelist import X", "its neighbour"),
        ("eventtracking.processors.sampling", "import eventtracking.backends.memory", "neighbour"),
        ("eventtracking.settings.names", "from eventtracking.settings import load", "own package"),
    ],
)
def test_the_rules_find_a_wrong_import(module, statement, complaint):
    """A check that never fails would check nothing."""
    [imported] = ours(module, ast.parse(statement))
    rules = (upward, between_neighbours, from_own_face)

    assert complaint in " ".join(rule(module, imported) for rule in rules)


def test_the_rules_find_a_cycle():
    """A check that never fails would check nothing."""
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert cycle({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_the_rules_find_a_string_that_names_a_module():
    """A check that never fails would check nothing."""
    tree = ast.parse('"""Not eventtracking.cli."""\npath = "eventtracking.settings.build"')

    assert [*named(tree)] == ["eventtracking.settings"]
