"""Broad exception handlers: each one is listed, with its reason."""

import ast

from package_source import functions, inside, modules

# The three places on the path of an event (Tracker.emit, RoutingBackend, and the sender of a
# delivery), and guards around one call of code from elsewhere.
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
    (
        "eventtracking.backends.routing",
        "RoutingBackend._hand_out",
    ): "backends must not affect each other",
    ("eventtracking.backends.routing", "RoutingBackend._send_processed"): "counts, and logs later",
    ("eventtracking.backends.routing", "RoutingBackend.process_event"): "a processor may fail",
    ("eventtracking.backends.routing", "RoutingBackend.send"): "logging on a full stack",
    ("eventtracking.backends.routing", "RoutingBackend.send_to_backends"): "as in `send`",
    ("eventtracking.backends.routing", "_attribute"): "a property of a backend may run any code",
    ("eventtracking.backends.routing", "_Branch._own_stats"): "stats() of a backend may fail",
    ("eventtracking.backends.routing", "_Branch.finish"): "flush() and close() may fail",
    ("eventtracking.delivery.losses", "Losses._call"): "on_loss belongs to the application",
    ("eventtracking.delivery.sender", "Sender._deliver"): "one bad event must not stop the rest",
    ("eventtracking.django.request_events", "_data"): "a request that Django refuses to read",
    ("eventtracking.request.visitor", "CallbackVisitor.session"): "raises again, but only once",
    ("eventtracking.request.visitor", "CallbackVisitor.user"): "raises again, but only once",
    (
        "eventtracking.request.facts",
        "EnvironFacts._determine",
    ): "the host's user or session may fail",
    ("eventtracking.serialization", "_key"): "the __str__ of an object may fail",
    ("eventtracking.serialization", "_plain"): "__str__ or items() of an object may fail",
    ("eventtracking.serialization", "encode"): "the slow path accepts what orjson refuses",
    ("eventtracking.stats", "log_safely"): "a log handler of the host may fail",
    ("eventtracking.stats", "_one_line"): "the repr() of a name may fail",
    ("eventtracking.tracker", "Tracker._context_copy"): "a mapping may fail",
    ("eventtracking.tracker", "Tracker.emit"): "emit() never raises",
    ("eventtracking.tracker", "Tracker.send"): "logging on a full stack",
    ("eventtracking.tracker", "_FirstUse._configure"): "emit() must not raise for wrong settings",
    ("eventtracking.tracker", "_value_or"): "an array has no truth value",
}


def catches_everything(handler):
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {ast.unparse(each).rpartition(".")[2] if each else "everything" for each in caught}
    return bool(names & {"everything", "Exception", "BaseException"})


def test_every_broad_exception_handler_is_listed():
    """A handler that nobody knows of would hide bugs."""
    found = {
        (module, name)
        for module, name, node in functions()
        for inner in inside(node)
        if isinstance(inner, ast.ExceptHandler) and catches_everything(inner)
    }

    assert sorted(found) == sorted(REASONS)


def test_no_module_has_a_broad_exception_handler_outside_functions():
    """A failing import must be visible."""
    handlers = [
        module
        for module, tree in modules().items()
        for node in inside(tree)
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]

    assert handlers == []


def test_suppress_is_never_used_with_broad_exceptions():
    """`suppress(Exception)` is a broad handler too."""
    wide = [
        ast.unparse(node)
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("suppress")
        and {"Exception", "BaseException"} & {ast.unparse(each) for each in node.args}
    ]

    assert wide == []
