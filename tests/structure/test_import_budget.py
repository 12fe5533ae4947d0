"""Import cost: the modules that an import loads, and the absence of side effects."""

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

# Modules that orjson, the settings and the tools load, and that an emit does not need.
HEAVY = {"dataclasses", "decimal", "difflib", "inspect", "json", "orjson", "pdb", "pkgutil", "pytz"}
HEAVY |= {"six", "tempfile", "tomllib", "unittest", "uuid", "zoneinfo"}

# Integrations load their frameworks.
INTEGRATIONS = (
    "eventtracking.django",
    "eventtracking.openedx.management",
    "eventtracking.pytest_plugin",
)

# Programs load everything that they need at once.
PROGRAMS = ("eventtracking.cli", "eventtracking.__main__")
PROGRAMS += ("eventtracking.demo", "eventtracking.inspector")

PROBE = """
import json, sys
paths, allowed, module = json.loads(sys.argv[1])
sys.path[:0] = paths

class OnlyCoreDependencies:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root not in allowed:
            raise ImportError(f"{name} is not a core dependency")

sys.meta_path.insert(0, OnlyCoreDependencies())
before = set(sys.modules)
__import__(module)
loaded = sorted(set(sys.modules) - before)
import threading
print(json.dumps([loaded, threading.active_count()]))
"""


def imported(module, allowed=("orjson", "pytz", "six")):
    """Import *module* in a new process, and return the names of the modules that this loads."""
    paths = [str(PACKAGE.parent), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    arguments = json.dumps([paths, ["eventtracking", *allowed], module])
    # -S: modules loaded by .pth files must not hide those that the import loads.
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", PROBE, arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    loaded, threads = json.loads(done.stdout)

    assert threads == 1
    return set(loaded)


def among(loaded, forbidden):
    return sorted(
        name for name in loaded if any(f"{name}.".startswith(f"{each}.") for each in forbidden)
    )


def core_modules():
    excluded = (*INTEGRATIONS, *PROGRAMS)
    return [
        name
        for name in modules()
        if is_for_users(name) and not any(f"{name}.".startswith(f"{each}.") for each in excluded)
    ]


def test_importing_the_tracker_loads_few_modules_and_starts_nothing():
    """It loads no framework, network module or dependency, and starts no thread."""
    loaded = imported("eventtracking.tracker", allowed=())
    print(f"import eventtracking.tracker loads {len(loaded)} modules")  # noqa: T201  # printed so that growth is noticed

    assert among(loaded, FRAMEWORKS | NETWORK | HEAVY) == []


@pytest.mark.parametrize("module", core_modules())
def test_a_module_needs_only_the_core_dependencies(module):
    """An extra that is not installed is needed only when it is used."""
    assert among(imported(module), FRAMEWORKS | NETWORK) == []


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name in modules()])
def test_a_program_needs_only_the_core_dependencies(program):
    """`eventtracking demo` needs only Python, this package and its dependencies."""
    assert among(imported(program), FRAMEWORKS) == []


def test_importing_a_package_loads_none_of_its_modules():
    """Importing one module does not load its siblings."""
    packages = ("backends", "openedx", "processors", "web")
    for package in ("eventtracking", *(f"eventtracking.{name}" for name in packages)):
        ours = {name for name in imported(package, ()) if name.startswith("eventtracking")}

        assert ours <= {"eventtracking", package}
