"""The prose of the project: docstrings, comments and pages, as sentences."""

import ast
import io
import re
import tokenize

# A list item, a table cell or a definition begins a sentence as well.
_MARKUP = re.compile(r"^[\s*#.|`\"'-]*")

_SENTENCE = re.compile(r"(?:[^.!?]|[.!?](?!\s|$))+[.!?]?")


def paragraphs(path):
    """Yield `(line, text)` for each paragraph of prose in the file at *path*."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        yield from _python(text)
    elif path.suffix in (".js", ".mjs", ".ts", ".mts", ".css"):
        yield from _comments(text)
    else:
        yield from _split(text, 1)


def sentences(path):
    """Yield `(line, sentence)` for each sentence in the file at *path*."""
    for line, paragraph in paragraphs(path):
        for match in _SENTENCE.finditer(" ".join(paragraph.split())):
            sentence = _MARKUP.sub("", match[0]).strip()
            if sentence:
                yield line, sentence


def _python(text):
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text and isinstance(node.value.value, str):
            yield from _split(node.value.value, node.lineno)
    block, start = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if not block:
                start = token.start[0]
            block.append(token.string.lstrip("# "))
        elif token.type not in (tokenize.NL, tokenize.NEWLINE):
            if block:
                yield start, " ".join(block)
            block = []


def _comments(text):
    for match in re.finditer(r"/\*(.*?)\*/|//(.*)", text, re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        yield from _split(re.sub(r"(?m)^\s*\*", "", match[1] or match[2] or ""), line)


def _split(text, line):
    """Yield the paragraphs of *text*: parts between blank lines, and list items."""
    for part in re.split(r"(\n\s*\n|\n\s*[-*] )", text):
        if part.strip(" \n-*"):
            yield line, part
        line += part.count("\n")
