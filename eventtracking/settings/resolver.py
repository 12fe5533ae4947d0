"""Walk through settings, and replace references and entries by the values they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from eventtracking._imports import did_you_mean
from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.construction import FAILED, Constructor
from eventtracking.settings.engines import import_engine, known_options
from eventtracking.settings.names import MAX_DEPTH
from eventtracking.settings.problems import HIDDEN, Problems, SettingPath
from eventtracking.settings.secrets import Reference, parse_reference

_ENTRY_EXAMPLE = "{'ENGINE': 'package.module.Class', 'OPTIONS': {...}}"


class Resolver:
    """
    Replace the references and entries in values of the settings.

    `{"ENV": ...}` and `{"FILE": ...}` become the text they refer to. A mapping with an
    `ENGINE` becomes `ENGINE(**OPTIONS)`, innermost first. Mappings, lists and tuples are
    searched; every other value stays as it is.

    Args:
        problems: Gains everything that is wrong.
        constructor: Calls the engines.
    """

    def __init__(self, problems: Problems, constructor: Constructor) -> None:
        self.variables: set[str] = set()
        self._problems = problems
        self._constructor = constructor

    def backends(self, value: Any, path: SettingPath) -> dict[Any, Any]:
        """Return the backends in *value* by name, without those that failed."""
        if value is None:
            return {}
        self._problems.masker.mask(value)
        if not isinstance(value, Mapping):
            expected = f"a mapping of names to backends such as {_ENTRY_EXAMPLE}"
            self._refuse_type(path, value, expected)
            return {}
        resolved = {name: self._backend(item, (*path, name)) for name, item in value.items()}
        if len({type(name) for name in value}) > 1:
            self._problems.add("setting", path, [*value], "the names must all be text")
            return {}
        return {name: backend for name, backend in resolved.items() if backend is not FAILED}

    def processors(self, value: Any, path: SettingPath) -> list[Any]:
        """Return the processors in *value* in order, without those that failed."""
        if value is None:
            return []
        self._problems.masker.mask(value)
        if not isinstance(value, list | tuple):
            self._refuse_type(path, value, f"a list of processors such as {_ENTRY_EXAMPLE}")
            return []
        resolved = [self._processor(item, (*path, index)) for index, item in enumerate(value)]
        return [processor for processor in resolved if processor is not FAILED]

    def resolve(self, value: Any, path: SettingPath) -> Any:
        """Return *value* with references and entries replaced, or `FAILED`."""
        if len(path) > MAX_DEPTH:
            text = f"it is nested more than {MAX_DEPTH} levels deep"
            self._problems.add("setting", path[:1], HIDDEN, text)
            return FAILED
        if isinstance(value, Mapping):
            return self._resolve_mapping(value, path)
        # Not named tuples, which are values of a type of their own.
        if isinstance(value, list) or type(value) is tuple:
            items = [self.resolve(item, (*path, index)) for index, item in enumerate(value)]
            return _unless_failed(tuple(items) if type(value) is tuple else items, items)
        return value

    def _backend(self, value: Any, path: SettingPath) -> Any:
        backend = self.resolve(value, path)
        if backend is FAILED or callable(getattr(backend, "send", None)):
            return backend
        text = f'Backend {type(backend).__name__} does not have a callable "send" method.'
        return self._refuse_object(path, value, text)

    def _processor(self, value: Any, path: SettingPath) -> Any:
        processor = self.resolve(value, path)
        if processor is FAILED or callable(processor):
            return processor
        text = f"Processor {type(processor).__name__} is not callable."
        return self._refuse_object(path, value, text)

    def _resolve_mapping(self, value: Mapping[Any, Any], path: SettingPath) -> Any:
        if "ENGINE" in value:
            return self._resolve_entry(value, path)
        reference = parse_reference(value)
        if reference is not None:
            return self._fetch(reference, value, path)
        resolved = {key: self.resolve(item, (*path, key)) for key, item in value.items()}
        return _unless_failed(resolved, resolved.values())

    def _fetch(self, reference: Reference, value: Any, path: SettingPath) -> Any:
        try:
            secret = reference.fetch()
        except ImproperlyConfigured as error:
            self._problems.add("secret", path, value, str(error))
            return FAILED
        if reference.kind == "ENV":
            self.variables.add(reference.target)
        self._problems.masker.remember(secret)
        return secret

    def _resolve_entry(self, entry: Mapping[Any, Any], path: SettingPath) -> Any:
        for key in entry:
            if key not in ("ENGINE", "OPTIONS"):
                hint = did_you_mean(str(key).upper(), ["ENGINE", "OPTIONS"])
                text = f"is ignored: an entry has only ENGINE and OPTIONS.{hint}"
                self._problems.warn((*path, key), text)
        engine = import_engine(entry["ENGINE"], (*path, "ENGINE"), self._problems)
        given = {} if entry.get("OPTIONS") is None else entry["OPTIONS"]
        options = self._options(engine, given, (*path, "OPTIONS"))
        if engine is None or options is FAILED:
            return FAILED
        # Without the unknown options, which are reported already, so that the engine checks
        # the values of the others.
        constructed = self._constructor.construct(engine, options, entry, path)
        return constructed if len(options) == len(given) else FAILED

    def _options(self, engine: Callable[..., Any] | None, value: Any, path: SettingPath) -> Any:
        """Return the resolved options that *engine* has, or `FAILED`."""
        if not isinstance(value, Mapping):
            self._refuse_type(path, value, "a mapping of option names to values")
            return FAILED
        known = value if engine is None else known_options(engine, value, path, self._problems)
        resolved = {name: self._option(engine, name, value[name], path) for name in value}
        if known is None:
            return FAILED
        return _unless_failed({name: resolved[name] for name in known}, resolved.values())

    def _option(self, engine: Any, name: Any, value: Any, path: SettingPath) -> Any:
        # Checked here and not by the router, which does not know the path.
        if isinstance(engine, type) and issubclass(engine, RoutingBackend):
            if name == "backends":
                return self.backends(value, (*path, name))
            if name == "processors":
                return self.processors(value, (*path, name))
        return self.resolve(value, (*path, name))

    def _refuse_object(self, path: SettingPath, value: Any, text: str) -> Any:
        if isinstance(value, Mapping) and "ENGINE" in value:
            self._problems.add("shape", (*path, "ENGINE"), value["ENGINE"], text)
        else:
            self._problems.add("shape", path, value, f"{text} {_suggested_entry(value)}")
        return FAILED

    def _refuse_type(self, path: SettingPath, value: Any, expected: str) -> None:
        text = f"it must be {expected}"
        if isinstance(value, str):
            # Malformed JSON ends up here as text, with secrets that cannot be located.
            value = HIDDEN
            text += ", not text. In an environment variable it must be valid JSON"
        self._problems.add("setting", path, value, text)


def _unless_failed(resolved: Any, items: Iterable[Any]) -> Any:
    return FAILED if any(item is FAILED for item in items) else resolved


def _suggested_entry(value: Any) -> str:
    """Return a hint about entries, naming the key of *value* that was meant as `ENGINE`."""
    if isinstance(value, Mapping):
        for key in value:
            if isinstance(key, str) and did_you_mean(key.upper(), ["ENGINE"]):
                return f"Write 'ENGINE' instead of {key!r}"
    return f"Write {_ENTRY_EXAMPLE}"
