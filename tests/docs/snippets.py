"""
Take the code out of a document and run it as its reader would.

- The `python` blocks are one program, run in a new folder by a process of its own. What
  the `text` blocks show has to be in its output, in this order.
- A block that begins with the comment `# name.ext` is a file; one called `test_*.py` is
  run by pytest, any other Python file by itself.
- `toml` blocks, and `json` ones that hold settings, are built; other `json` is parsed.
- `console` blocks are typed in. What they show is all that the commands say, but for
  `...`, which stands for anything. `pip` is left out: what it installs is here already.
- `html` and `javascript` run in a browser, by a test of tests/browser.
- `none` is for what cannot run here.
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

# What settings name instead of a secret; the reader has it.
ENV = r'ENV"? *[:=] *"(\w+)"'


class Block(NamedTuple):
    """A block of code: its language, the line it begins at, and its text."""

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
    """Run all the code in the document at *path*, in *folder*."""
    found = [*blocks(path)]
    files = {block.file: block.text.lstrip("\n") for block in named(found) if block.file}
    for name, text in files.items():
        (folder / name).write_text(text)
    said = call([sys.executable, "-W", "error", program(path, found, folder)], folder)
    if lines := [line for block in found if block.language == "text" for line in shown(block)]:
        compare(said, lines)
    for name in files:
        if name.endswith(".py"):
            tool = ["-m", "pytest", "-q"] if name.startswith("test_") else []
            call([sys.executable, *tool, name], folder)
    secrets = {name: "k" * 20 for block in found for name in re.findall(ENV, block.text)}
    call([sys.executable, "-c", BUILD, *settings_files(found, folder)], folder, env=secrets)
    for block in found:
        if block.language == "console":
            type_in(block, folder)


def named(found):
    return [block._replace(text=block.text.lstrip("\n")) for block in found]


def program(path, found, folder):
    """Write the program of a document, each line where it stands there; return its file."""
    lines = [""] * len(path.read_text("utf-8").splitlines())
    for block, bare in zip(found, named(found), strict=True):
        if block.language == "python" and not bare.file:
            code = block.text.splitlines()
            lines[block.line - 1 : block.line - 1 + len(code)] = code
    target = folder / f"{path.stem}_rst.py"
    target.write_text("\n".join(lines) + "\n")
    return str(target)


def settings_files(found, folder):
    """Write the settings of a document that are not files already; yield all their paths."""
    for block, bare in zip(found, named(found), strict=True):
        is_settings = block.language == "toml" or (
            block.language == "json" and any(map(is_setting, json.loads(block.text)))
        )
        if is_settings:
            path = folder / (bare.file or f"line-{block.line}.{block.language}")
            path.write_text(block.text)
            yield str(path)


def is_setting(name):
    return name.startswith("EVENT_TRACKING_")


def type_in(block, folder):
    """Type in the commands of a `console` block, one by one, and compare what they say."""
    parts = re.split(r"^\$ (.+)\n?", block.text.lstrip("\n"), flags=re.MULTILINE)
    commands, answers = parts[1::2], parts[2::2]
    for command, answer in zip(commands, answers, strict=True):
        if not command.startswith("pip "):
            said = call(["bash", "-c", command], folder, codes=(0, 1, 2))
            compare(said, answer.split("\n")[:-1], whole=True)


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


def compare(said, lines, *, whole=False):
    """Assert that *said* holds *lines*, in their order; with *whole*, that it is made of them."""
    between = "\n" if whole else "\n(?:.*\n)*?"
    pattern = between.join(map(loose, lines))
    pattern = f"{pattern}\n?" if whole else f"(?:.*\n)*?{pattern}\n(?:.*\n)*"

    assert re.fullmatch(pattern, said), f"expected:\n{chr(10).join(lines)}\n\nsaid:\n{said}"


def loose(line):
    anything = r"(?:.*\n)*?.*" if line.strip() == "..." else ".*"
    return anything.join(map(re.escape, line.split("...")))
