"""Nothing in the package waits without an end."""

import ast

import pytest
from package_source import modules

# What got its time-out elsewhere.
BOUNDED = {("eventtracking.demo.simulation", "start.wait()"): "the barrier was made with one"}


def endless(tree):
    """Return the calls in *tree* that may wait for ever, as text."""
    uses_queues = any(
        isinstance(node, ast.Import | ast.ImportFrom) and "queue" in ast.unparse(node).lower()
        for node in ast.walk(tree)
    )
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [ast.unparse(call) for call in calls if is_endless(call, uses_queues=uses_queues)]
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With | ast.AsyncWith)]
    # The lock of a `with` statement takes no time-out.
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
    # A text's join() has an argument, a thread's without a time-out has none.
    if method in ("join", "wait") or (method == "get" and uses_queues):
        return not call.args and "timeout" not in keywords
    return False


@pytest.mark.parametrize("module", modules())
def test_every_wait_has_a_time_out(module):
    """A lock that a fork left held, or a thread that hangs, must never hang the host."""
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
def test_the_test_itself_sees_an_endless_wait(code):
    """A check that never fails checks nothing."""
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
def test_a_wait_with_an_end_passes(code):
    """What has a time-out, or never waits, is not complained about."""
    assert endless(ast.parse(code)) == []
