"""Timeouts: no call in the package may wait forever."""

import ast

import pytest
from package_source import modules

# Calls whose timeout is set elsewhere.
BOUNDED = {("eventtracking.demo.simulation", "start.wait()"): "the barrier was made with one"}


def endless(tree):
    """Return the source of the calls in *tree* that may wait forever."""
    uses_queues = any(
        isinstance(node, ast.Import | ast.ImportFrom) and "queue" in ast.unparse(node).lower()
        for node in ast.walk(tree)
    )
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [ast.unparse(call) for call in calls if is_endless(call, uses_queues=uses_queues)]
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With | ast.AsyncWith)]
    # A `with` statement cannot give its lock a timeout.
    locks = [ast.unparse(item.context_expr) for block in blocks for item in block.items]
    return found + [f"with {lock}" for lock in locks if lock.lower().endswith(("lock", "lock()"))]


def is_endless(call, *, uses_queues):
    if not isinstance(call.func, ast.Attribute):
        return False
    method = call.func.attr
    keywords = {keyword.arg for keyword in call.keywords}
    if method == "flock":
        return not any(word in ast.unparse(call) for word in ("LOCK_NB", "LOCK_UN"))
    if method == "acquire":
        blocks = ast.unparse(call.args[0]) != "False" if call.args else "blocking" not in keywords
        return blocks and "timeout" not in keywords and len(call.args) < 2
    # The join() of a string has an argument; that of a thread without a timeout has none.
    if method in ("join", "wait") or (method == "get" and uses_queues):
        return not call.args and "timeout" not in keywords
    return False


@pytest.mark.parametrize("module", modules())
def test_every_wait_has_a_timeout(module):
    """A lock left held by a fork, or a hanging thread, must never block the host program."""
    assert [call for call in endless(modules()[module]) if (module, call) not in BOUNDED] == []


@pytest.mark.parametrize(
    "code",
    [
        "lock.acquire()",
        "lock.acquire(True)",
        "thread.join()",
        "event.wait()",
        "import queue\nqueue.Queue().get()",
        "with self._lock:\n    pass",
        "with threading.Lock():\n    pass",
        "fcntl.flock(lock, fcntl.LOCK_EX)",
    ],
)
def test_the_check_finds_an_endless_wait(code):
    """A check that never fails would check nothing."""
    assert len(endless(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "lock.acquire(timeout=5)",
        "lock.acquire(False)",
        "lock.acquire(blocking=False)",
        "lock.acquire(True, 5)",
        "thread.join(5)",
        "', '.join(words)",
        "event.wait(timeout=1)",
        "variable.get()",
        "import queue\nqueue.Queue().get(timeout=1)",
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.flock(lock, fcntl.LOCK_UN)",
    ],
)
def test_the_check_accepts_a_bounded_wait(code):
    """A call with a timeout, or one that never waits, is fine."""
    assert endless(ast.parse(code)) == []
