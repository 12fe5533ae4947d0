"""What an import costs: which modules it loads, and that it does nothing else."""

import json
import subprocess
import sys
import sysconfig

import pytest
from package_source import PACKAGE, is_for_users, modules

FRAMEWORKS = {"aiohttp", "asgiref", "celery", "django", "fastapi", "flask", "pytest", "starlette"}

NETWORK = {
    "_socket",
    "asyncio",
    "concurrent.futures",
    "email",
    "http",
    "multiprocessing",
    "requests",
    "select",
    "selectors",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "urllib.request",
    "urllib3",
    "wsgiref",
}

# What orjson, the settings and the tools bring, and an emit can do without.
HEAVY = {"dataclasses", "decimal", "difflib", "inspect", "json", "orjson", "pdb", "pkgutil", "pytz"}
HEAVY |= {"six", "tempfile", "tomllib", "unittest", "uuid", "zoneinfo"}

# Integrations load their frameworks.
INTEGRATIONS = (
    "eventtracking.django",
    "eventtracking.openedx.management",
    "eventtracking.pytest_plugin",
)

# Programs, not leaves: whoever runs one wants all of it.
PROGRAMS = ("eventtracking.cli", "eventtracking.__main__")
PROGRAMS += ("eventtracking.demo", "eventtracking.inspector")

PROBE = """
import json, sys
paths, allowed, leaf = json.loads(sys.argv[1])
sys.path[:0] = paths

class Closed:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root not in allowed:
            raise ImportError(f"{name} is not a core dependency")

sys.meta_path.insert(0, Closed())
before = set(sys.modules)
__import__(leaf)
loaded = sorted(set(sys.modules) - before)
import threading
print(json.dumps([loaded, threading.active_count()]))
"""


def imported(leaf, allowed=("orjson", "pytz", "six")):
    """Import *leaf* in a new process; return the modules that it loaded, and no more."""
    paths = [str(PACKAGE.parent), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    question = json.dumps([paths, ["eventtracking", *allowed], leaf])
    # -S: what a site's .pth files load must not hide what the leaf loads.
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", PROBE, question]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    loaded, threads = json.loads(done.stdout)

    assert threads == 1
    return set(loaded)


def among(loaded, forbidden):
    return sorted(
        name for name in loaded if any(f"{name}.".startswith(f"{each}.") for each in forbidden)
    )


def leaves():
    others = (*INTEGRATIONS, *PROGRAMS)
    return [
        name
        for name in modules()
        if is_for_users(name) and not any(f"{name}.".startswith(f"{other}.") for other in others)
    ]


def test_the_tracker_loads_little_and_starts_nothing():
    """No framework, no network, no thread, and no dependency: the count is printed."""
    loaded = imported("eventtracking.tracker", allowed=())
    print(f"import eventtracking.tracker loads {len(loaded)} modules")  # noqa: T201  # to be watched

    assert among(loaded, FRAMEWORKS | NETWORK | HEAVY) == []


@pytest.mark.parametrize("leaf", leaves())
def test_a_leaf_needs_only_the_core_dependencies(leaf):
    """Whatever is not installed is not missed until it is used, and none opens the network."""
    assert among(imported(leaf), FRAMEWORKS | NETWORK) == []


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name in modules()])
def test_a_program_needs_only_the_core_dependencies(program):
    """`eventtracking demo` runs on a machine with nothing but Python and this package."""
    assert among(imported(program), FRAMEWORKS) == []


def test_a_package_loads_none_of_the_files_in_it():
    """Importing one leaf costs one leaf."""
    rooms = ("backends", "openedx", "processors", "web")
    for package in ("eventtracking", *(f"eventtracking.{room}" for room in rooms)):
        ours = {name for name in imported(package, ()) if name.startswith("eventtracking")}

        assert ours <= {"eventtracking", package}
