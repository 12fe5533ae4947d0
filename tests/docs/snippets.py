"""
Extract the code blocks of a document, and run them as its reader would.

- The `python` blocks form one program, which runs in another process and a new folder. Its
  output must contain the lines of the `text` blocks, in this order.
- A block that starts with the comment `# name.ext` is a file. A file called `test_*.py` is
  run by pytest, any other Python file as a program.
- Trackers are built from `toml` blocks, and from `json` blocks with settings; other `json`
  is parsed.
- The commands of `console` blocks are run in a shell. Their output must be the one shown,
  where `...` stands for anything. `pip` commands are skipped: the packages are installed.
- `html` and `javascript` blocks run in a browser; see tests/browser.
- `none` is for code that cannot run here.
"""

import json
import os
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

LANGUAGES = {"python", "text", "toml", "json", "console", "html", "javascript", "none"}

BUILD = (
    "import sys; from eventtracking.settings import build, load\n"
    "for path in sys.argv[1:]: assert build(load(path)).close(5)"
)

# The name of an environment variable that settings give instead of a secret.
ENV = r'ENV"? *[:=] *"(\w+)"'


class Block(NamedTuple):
    """A code block: its language, the line at which it starts, and its text."""

    language: str
    line: int
    text: str

    @property
    def file(self):
        named = re.match(r"# (\w+\.(?:py|toml))\n", self.text)
        return named[1] if named else None


def blocks(path):
    lines = path.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if match := re.fullmatch(r"( *)\.\. code-block:: (\w+)", line):
            margin = f"{match[1]} "
            body = [*takewhile(lambda a: not a or a.startswith(margin), lines[number + 1 :])]  # noqa: B023
            yield Block(match[2], number + 2, dedent("\n".join(body)).rstrip() + "\n")


def run(path, folder):
    """Run all code of the document at *path* in *folder*."""
    found = [*blocks(path)]
    files = {block.file: block.text for block in stripped(found) if block.file}
    for name, text in files.items():
        (folder / name).write_text(text)
    output = call([sys.executable, "-W", "error", program(path, found, folder)], folder)
    if lines := [line for block in found if block.language == "text" for line in shown(block)]:
        compare(output, lines)
    for name in files:
        if name.endswith(".py"):
            tool = ["-m", "pytest", "-q"] if name.startswith("test_") else []
            call([sys.executable, *tool, name], folder)
    secrets = {name: "k" * 20 for block in found for name in re.findall(ENV, block.text)}
    call([sys.executable, "-c", BUILD, *settings_files(found, folder)], folder, env=secrets)
    for block in found:
        if block.language == "console":
            run_commands(block, folder)


def stripped(found):
    """Return the blocks without leading blank lines."""
    return [block._replace(text=block.text.lstrip("\n")) for block in found]


def program(path, found, folder):
    """Write the Python program of a document with its line numbers, and return its path."""
    lines = [""] * len(path.read_text("utf-8").splitlines())
    for block, bare in zip(found, stripped(found), strict=True):
        if block.language == "python" and not bare.file:
            code = block.text.splitlines()
            lines[block.line - 1 : block.line - 1 + len(code)] = code
    target = folder / f"{path.stem}_rst.py"
    target.write_text("\n".join(lines) + "\n")
    return str(target)


def settings_files(found, folder):
    """Write the settings of a document to files, and yield their paths."""
    for block, bare in zip(found, stripped(found), strict=True):
        is_settings = block.language == "toml" or (
            block.language == "json" and any(map(is_setting, json.loads(block.text)))
        )
        if is_settings:
            path = folder / (bare.file or f"line-{block.line}.{block.language}")
            path.write_text(block.text)
            yield str(path)


def is_setting(name):
    return name.startswith("EVENT_TRACKING_")


def run_commands(block, folder):
    """Run the commands of a `console` block one by one, and compare their output."""
    fields = re.split(r"^\$ (.+)\n?", block.text.lstrip("\n"), flags=re.MULTILINE)
    commands, outputs = fields[1::2], fields[2::2]
    for command, expected in zip(commands, outputs, strict=True):
        if not command.startswith("pip "):
            output = call(["bash", "-c", command], folder, codes=(0, 1, 2))
            compare(output, expected.split("\n")[:-1], complete=True)


def call(command, folder, codes=(0,), env=None):
    environment = {name: text for name, text in os.environ.items() if not is_setting(name)}
    environment |= env or {}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode in codes, f"{command}\n{done.stdout}"
    return done.stdout


def shown(block):
    return block.text.strip("\n").split("\n")


def compare(output, lines, *, complete=False):
    """Assert that *output* contains *lines* in order; with *complete*, nothing else."""
    between = "\n" if complete else "\n(?:.*\n)*?"
    pattern = between.join(map(line_pattern, lines))
    pattern = f"{pattern}\n?" if complete else f"(?:.*\n)*?{pattern}\n(?:.*\n)*"

    assert re.fullmatch(pattern, output), f"expected:\n{chr(10).join(lines)}\n\ngot:\n{output}"


def line_pattern(line):
    anything = r"(?:.*\n)*?.*" if line.strip() == "..." else ".*"
    return anything.join(map(re.escape, line.split("...")))
