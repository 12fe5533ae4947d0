"""
Programs that emit a hundred events with `emit(first, last)` and exit in different ways.

Each is `(source, exit status)`. The test puts code before it that defines `emit`, imports
`atexit`, `os`, `signal`, `sys`, `threading` and `tracker`, and defines a list `late` of exit hooks
that run after all others.
"""

EXITS = {
    "the last line": ("emit(0, 100)", 0),
    "sys.exit": ("emit(0, 100); sys.exit(3)", 3),
    "an exception": ("sys.excepthook = lambda *_: None; emit(0, 100); 1 / 0", 1),
    "SIGINT": (
        "sys.excepthook = lambda *_: None; emit(0, 100); os.kill(os.getpid(), signal.SIGINT)",
        -2,
    ),
    "SIGTERM": ("emit(0, 100); os.kill(os.getpid(), signal.SIGTERM)", -15),
    "SIGKILL": ("emit(0, 100); os.kill(os.getpid(), signal.SIGKILL)", -9),
    "SIGTERM with a handler that emits": (
        """
def stop(*_):
    emit(50, 100)
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
emit(0, 50)
os.kill(os.getpid(), signal.SIGTERM)
""",
        0,
    ),
    "SIGTERM with a handler that closes": (
        """
def stop(*_):
    assert tracker.get_tracker().close()
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
emit(0, 100)
os.kill(os.getpid(), signal.SIGTERM)
""",
        0,
    ),
    "os._exit": ("emit(0, 100); os._exit(4)", 4),
    "abort": ("emit(0, 100); os.abort()", -6),
    "an exit hook that emits": ("emit(0, 50); atexit.register(emit, 50, 100)", 0),
    "an exit hook that emits after ours": (
        "emit(0, 50); late.append(lambda: emit(50, 100))",
        0,
    ),
    "a thread that outlives the main thread": (
        """
main = threading.current_thread()

def emit_later():
    main.join()
    emit(50, 100)

emit(0, 50)
threading.Thread(target=emit_later).start()
""",
        0,
    ),
    "a daemon thread that is still running": (
        """
emitted = threading.Event()

def run():
    emit(0, 100)
    emitted.set()
    while True:
        pass

threading.Thread(target=run, daemon=True).start()
emitted.wait()
""",
        0,
    ),
    "a multiprocessing child": (
        """
import multiprocessing

emit(0, 50)
child = multiprocessing.get_context("fork").Process(target=emit, args=(50, 100))
child.start()
child.join()
""",
        0,
    ),
    "a forked child and os._exit": (
        """
emit(0, 40)
if not os.fork():
    emit(40, 70)
    os._exit(0)
os.wait()
emit(70, 100)
""",
        0,
    ),
    "a forked child and the last line": (
        """
emit(0, 40)
if os.fork():
    os.wait()
    emit(40, 70)
else:
    emit(70, 100)
""",
        0,
    ),
    "a forked child of a thread": (
        """
def fork():
    if not os.fork():
        emit(50, 100)
        os._exit(0)
    os.wait()

emit(0, 50)
thread = threading.Thread(target=fork)
thread.start()
thread.join()
""",
        0,
    ),
    "os.execv": (
        "emit(0, 100); os.execv(sys.executable, [sys.executable, '-c', ''])",
        0,
    ),
}
