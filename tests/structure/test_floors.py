"""Who may import whom: the floors of the house."""

import ast
import sys

import pytest
from package_source import FACES, inside, is_package, modules

# The longest prefix counts.
FLOORS = {
    "eventtracking.destinations": 2,
    "eventtracking": 0,
    "eventtracking.exceptions": 0,
    "eventtracking.types": 0,
    "eventtracking._imports": 0,
    "eventtracking._open_files": 1,
    "eventtracking._salvage": 1,
    "eventtracking._timeouts": 0,
    "eventtracking.event": 1,
    "eventtracking.serialization": 1,
    "eventtracking.locator": 1,
    "eventtracking.request": 1,
    "eventtracking._addresses": 1,
    "eventtracking._course_keys": 1,
    "eventtracking._sensitive": 1,
    "eventtracking.stats": 1,
    "eventtracking.journal": 1,
    "eventtracking.catalog": 1,
    "eventtracking.delivery": 2,
    "eventtracking.processors": 3,
    "eventtracking.backends": 3,
    "eventtracking.tracker": 4,
    "eventtracking.backends.async_routing": 5,
    "eventtracking.backends.event_bus": 5,
    "eventtracking.settings": 5,
    "eventtracking.testing": 5,
    # Below the doors, though it is a program: FakeDestinations is made of it.
    "eventtracking.inspector": 5,
    "eventtracking.pytest_plugin": 5,
    "eventtracking.tasks": 5,
    "eventtracking.handlers": 5,
    "eventtracking.config": 5,
    "eventtracking.web": 6,
    "eventtracking.django": 6,
    "eventtracking.integrations": 6,
    "eventtracking.openedx": 6,
    "eventtracking.cli": 6,
    "eventtracking.commands": 6,
    "eventtracking.demo": 6,
    "eventtracking.__main__": 6,
}

# Rooms whose inhabitants do not know each other, on floor 3.
ROOMS = ("eventtracking.processors", "eventtracking.backends")

# Whoever is not named here imports the standard library and these.
CORE_DEPENDENCIES = {"orjson", "pytz", "six"}
GUESTS = {
    "eventtracking.delivery.http.connections": {"urllib3"},
    # Whoever has Django has asgiref.
    "eventtracking.django": {"asgiref", "django"},
    "eventtracking.openedx.management": {"django"},
    "eventtracking.openedx.segment_webhook": {"django"},
    "eventtracking.openedx.views": {"django"},
    "eventtracking.delivery.outbox.draining": {"tqdm"},
    "eventtracking.pytest_plugin": {"pytest"},
}

# What they hold beyond a docstring.
FILLED_INITS = {"eventtracking", "eventtracking.django", *FACES}


def floor(module):
    """Return the floor of *module*; `None` for one that no floor is known of."""
    while module != "eventtracking" and module not in FLOORS:
        parent, _, _ = module.rpartition(".")
        if parent == "eventtracking":
            return None
        module = parent
    return FLOORS[module]


def imports(module, tree):
    """Yield `(imported module, only for type checkers)` for every import statement."""
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in inside(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(module, node)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in modules() else origin, id(node) in typing_only


def absolute(module, node):
    """Return the module that a `from ... import` names, relative ones spelled out."""
    if not node.level:
        return node.module
    package = module.split(".") if is_package(module) else module.split(".")[:-1]
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def wrong(module, imported, *, typing_only):
    """Say what is wrong with this import; nothing if it is right."""
    here, there = floor(module), floor(imported)
    if there is None or here is None:
        return ""
    if there > here:
        return f"{module} (F{here}) imports {imported} (F{there})"
    is_neighbour = here == there == FLOORS[ROOMS[0]] and imported not in ROOMS
    if is_neighbour and imported != module and not typing_only:
        return f"{module} knows its neighbour {imported}"
    return ""


def test_every_module_has_a_floor():
    """A new room is drawn into the table above, so that somebody thinks about it."""
    assert [name for name in modules() if floor(name) is None] == []


@pytest.mark.parametrize("module", modules())
def test_no_module_imports_upward_or_from_a_neighbouring_processor_or_backend(module):
    """Imports inside functions and for type checkers count as well."""
    found = [
        complaint
        for imported, typing_only in imports(module, modules()[module])
        if imported.partition(".")[0] == "eventtracking"
        and (complaint := wrong(module, imported, typing_only=typing_only))
    ]

    assert found == []


@pytest.mark.parametrize("module", modules())
def test_only_a_door_imports_its_framework(module):
    """Everyone else gets by with the standard library and the three core dependencies."""
    room = next((door for door in GUESTS if f"{module}.".startswith(f"{door}.")), None)
    allowed = {"eventtracking", *sys.stdlib_module_names, *CORE_DEPENDENCIES}
    roots = {imported.partition(".")[0] for imported, _ in imports(module, modules()[module])}

    assert roots - allowed - GUESTS.get(room, set()) == set()


def test_importing_a_package_drags_in_no_room():
    """The `__init__` of a package holds a docstring, and nothing else."""
    filled = {
        name
        for name, tree in modules().items()
        if is_package(name)
        and [node for node in tree.body if not ast.get_docstring(tree) or node != tree.body[0]]
    }

    assert filled == FILLED_INITS


@pytest.mark.parametrize(
    ("module", "statement", "complaint"),
    [
        ("eventtracking.stats", "import eventtracking.tracker", "(F1) imports"),
        ("eventtracking.tracker", "def f():\n    from eventtracking import settings", "(F4) impo"),
        ("eventtracking.backends.memory", "from . import logger", "knows its neighbour"),
        ("eventtracking.processors.sampling", "from .whitelist import X", "knows its neighbour"),
        ("eventtracking.processors.sampling", "import eventtracking.backends.memory", "neighbour"),
    ],
)
def test_the_test_itself_sees_a_wrong_import(module, statement, complaint):
    """A check that never fails checks nothing."""
    [(imported, typing_only)] = imports(module, ast.parse(statement))

    assert complaint in wrong(module, imported, typing_only=typing_only)
