"""Where anything at all is caught, and why there."""

import ast

from package_source import functions, inside, modules

# The three places on an event's way (Tracker.emit, RoutingBackend, and the sender of a
# delivery), and what guards one call of somebody else's code: a leaf, a class, a method.
REASONS = {
    (
        "eventtracking.settings.construction",
        "Constructor._close",
    ): "the other objects must be closed as well",
    (
        "eventtracking.settings.construction",
        "Constructor.construct",
    ): "a class of the application; the rest of the settings is checked all the same",
    ("eventtracking.settings.construction", "_error_text"): "the error's own text may fail",
    ("eventtracking._options", "safe_repr"): "a message must not fail on the value it shows",
    ("eventtracking._imports", "_import_module"): "a module runs anything while it is imported",
    ("eventtracking._imports", "import_string"): "a module may import its names when asked",
    ("eventtracking.backends.routing", "RoutingBackend._hand_out"): "a backend spoils no other",
    ("eventtracking.backends.routing", "RoutingBackend._send_processed"): "counts, and logs later",
    ("eventtracking.backends.routing", "RoutingBackend.process_event"): "a processor may fail",
    ("eventtracking.backends.routing", "RoutingBackend.send"): "a full stack, while logging",
    ("eventtracking.backends.routing", "RoutingBackend.send_to_backends"): "as in `send`",
    ("eventtracking.backends.routing", "_attribute"): "a property of a backend runs anything",
    ("eventtracking.backends.routing", "_Branch._own_stats"): "stats() of one backend",
    ("eventtracking.backends.routing", "_Branch.finish"): "flush() and close() of one backend",
    ("eventtracking.delivery.losses", "Losses._call"): "on_loss belongs to the application",
    ("eventtracking.delivery.sender", "Sender._deliver"): "one bad event must not stop the rest",
    ("eventtracking.django.request_events", "_data"): "a request that Django refuses to read",
    ("eventtracking.request.visitor", "CallbackVisitor.session"): "raises again, but only once",
    ("eventtracking.request.visitor", "CallbackVisitor.user"): "raises again, but only once",
    (
        "eventtracking.request.facts",
        "EnvironFacts._determine",
    ): "the host's user or session may fail",
    ("eventtracking.serialization", "_key"): "somebody's __str__ ran and failed",
    ("eventtracking.serialization", "_plain"): "somebody's __str__ or items() ran and failed",
    ("eventtracking.serialization", "encode"): "orjson refused: the long way knows every value",
    ("eventtracking.stats", "log_safely"): "a handler of the host's logging may fail",
    ("eventtracking.stats", "_one_line"): "a name may be anything, and its repr() may fail",
    ("eventtracking.tracker", "Tracker._context_copy"): "somebody's mapping ran and failed",
    ("eventtracking.tracker", "Tracker.emit"): "it never raises into the host",
    ("eventtracking.tracker", "Tracker.send"): "a full stack, while logging",
    ("eventtracking.tracker", "_FirstUse._configure"): "the host only emits; it did not ask",
    ("eventtracking.tracker", "_or"): "an array has no truth value",
}


def catches_everything(handler):
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {ast.unparse(each).rpartition(".")[2] if each else "everything" for each in caught}
    return bool(names & {"everything", "Exception", "BaseException"})


def test_everything_is_caught_only_where_the_list_says_why():
    """A bug that is swallowed in a place nobody knows of is never found."""
    found = {
        (module, name)
        for module, name, node in functions()
        for part in inside(node)
        if isinstance(part, ast.ExceptHandler) and catches_everything(part)
    }

    assert sorted(found) == sorted(REASONS)


def test_nothing_is_caught_outside_functions():
    """A module that cannot be imported says so."""
    handlers = [
        module
        for module, tree in modules().items()
        for node in inside(tree)
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]

    assert handlers == []


def test_suppress_hides_no_more_than_it_names():
    """`suppress(Exception)` is an `except Exception` in disguise."""
    wide = [
        ast.unparse(node)
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("suppress")
        and {"Exception", "BaseException"} & {ast.unparse(each) for each in node.args}
    ]

    assert wide == []
