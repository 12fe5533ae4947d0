"""Turn settings into objects, and note everything that is wrong with them on the way."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any

from eventtracking._imports import did_you_mean, import_string
from eventtracking.backends.routing import RoutingBackend
from eventtracking.backends.timeouts import call_within
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.names import BACKENDS, ENABLED, PROCESSORS, TIME_ZONE, truth
from eventtracking.settings.problems import UNSHOWN, Keys, Problems
from eventtracking.settings.secrets import MAX_DEPTH, Reference, reference

logger = logging.getLogger(__name__)

_SHAPE = "{'ENGINE': 'package.module.Class', 'OPTIONS': {...}}"

_CLOSE_SECONDS = 5.0

# Stands for an object that could not be built, after the problem was reported.
_FAILED: Any = object()


class Assembly:
    """
    The objects that settings describe, and the problems met while building them.

    Mappings with an `ENGINE` become `ENGINE(**OPTIONS)`, innermost first, wherever they
    stand. `{"ENV": ...}` and `{"FILE": ...}` become the text they refer to. Mappings,
    lists and tuples are searched. Everything else is passed on as it is.

    A problem never ends the work, so that all of them come to light at once. Whoever
    uses the objects calls `check` first.

    Args:
        settings: The mapping to read.
        backends_name: Where in it the backends are.
        processors_name: Where in it the processors are.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        backends_name: str = BACKENDS,
        processors_name: str = PROCESSORS,
    ) -> None:
        self.problems = Problems()
        self.variables: set[str] = set()
        self._built: list[Any] = []
        self._check_enabled(settings.get(ENABLED), (ENABLED,))
        self.time_zone = self._time_zone(settings.get(TIME_ZONE), (TIME_ZONE,))
        self.processors = self._processors(settings.get(processors_name), (processors_name,))
        self.backends = self._backends(settings.get(backends_name), (backends_name,))

    def check(self) -> None:
        """
        Give up what was built, and say why, if anything is wrong.

        Raises:
            ImproperlyConfigured: With one line for each problem.
        """
        if self.problems:
            self.close()
            raise self.problems.error()

    def close(self) -> None:
        """Close every object that was built here and has a `close`."""
        while self._built:
            self._close(self._built.pop())

    def _check_enabled(self, value: Any, path: Keys) -> None:
        found = self._walk(value, path)
        if found is not None and found is not _FAILED and truth(found) is None:
            self.problems.report("setting", path, value, "it must be true or false")

    def _time_zone(self, value: Any, path: Keys) -> datetime.tzinfo | None:
        """Return the pytz time zone called *value*; no value means none."""
        name = self._walk(value, path)
        if name is None or name is _FAILED:
            return None
        import pytz

        name = name if isinstance(name, str) else ""
        try:
            return pytz.timezone(name)  # type: ignore[no-any-return]
        except pytz.UnknownTimeZoneError:
            hint = did_you_mean(name, pytz.all_timezones)
            text = f"it must be the name of a time zone, such as 'UTC'.{hint}"
            self.problems.report("setting", path, value, text)
            return None

    def _backends(self, value: Any, path: Keys) -> dict[Any, Any]:
        """Return the backends that *value* describes, by name, without those that failed."""
        if value is None:
            return {}
        self.problems.mask.masked(value)
        if not isinstance(value, Mapping):
            self._report_shape(path, value, f"a mapping of names to backends such as {_SHAPE}")
            return {}
        built = {name: self._backend(item, (*path, name)) for name, item in value.items()}
        if len({type(name) for name in value}) > 1:
            self.problems.report("setting", path, [*value], "the names must all be text")
            return {}
        return {name: backend for name, backend in built.items() if backend is not _FAILED}

    def _processors(self, value: Any, path: Keys) -> list[Any]:
        """Return the processors that *value* describes, in order, without those that failed."""
        if value is None:
            return []
        self.problems.mask.masked(value)
        if not isinstance(value, list | tuple):
            self._report_shape(path, value, f"a list of processors such as {_SHAPE}")
            return []
        built = [self._processor(item, (*path, index)) for index, item in enumerate(value)]
        return [processor for processor in built if processor is not _FAILED]

    def _backend(self, value: Any, path: Keys) -> Any:
        backend = self._walk(value, path)
        if backend is _FAILED or callable(getattr(backend, "send", None)):
            return backend
        text = f'Backend {type(backend).__name__} does not have a callable "send" method.'
        self._report_unfit(path, value, text)
        return _FAILED

    def _processor(self, value: Any, path: Keys) -> Any:
        processor = self._walk(value, path)
        if processor is _FAILED or callable(processor):
            return processor
        self._report_unfit(path, value, f"Processor {type(processor).__name__} is not callable.")
        return _FAILED

    def _walk(self, value: Any, path: Keys) -> Any:
        """Return what *value* becomes, or `_FAILED`."""
        if len(path) > MAX_DEPTH:
            text = f"it is nested more than {MAX_DEPTH} levels deep"
            self.problems.report("setting", path[:1], UNSHOWN, text)
            return _FAILED
        if isinstance(value, Mapping):
            return self._walk_mapping(value, path)
        # Of tuples, only plain ones: a named one is a value of its own kind.
        if isinstance(value, list) or type(value) is tuple:
            items = [self._walk(item, (*path, index)) for index, item in enumerate(value)]
            return _whole(items, tuple(items) if type(value) is tuple else items)
        return value

    def _walk_mapping(self, value: Mapping[Any, Any], path: Keys) -> Any:
        if "ENGINE" in value:
            return self._walk_entry(value, path)
        source = reference(value)
        if source is not None:
            return self._fetch(source, value, path)
        built = {key: self._walk(item, (*path, key)) for key, item in value.items()}
        return _whole(built.values(), built)

    def _fetch(self, source: Reference, value: Any, path: Keys) -> Any:
        try:
            secret = source.fetch()
        except ImproperlyConfigured as error:
            self.problems.report("secret", path, value, str(error))
            return _FAILED
        if source.kind == "ENV":
            self.variables.add(source.target)
        self.problems.mask.learn(secret)
        return secret

    def _walk_entry(self, entry: Mapping[Any, Any], path: Keys) -> Any:
        for key in entry:
            if key not in ("ENGINE", "OPTIONS"):
                hint = did_you_mean(str(key).upper(), ["ENGINE", "OPTIONS"])
                text = f"is ignored: only ENGINE and OPTIONS count here.{hint}"
                self.problems.warn((*path, key), text)
        factory = self._engine(entry["ENGINE"], (*path, "ENGINE"))
        options = self._options(factory, entry.get("OPTIONS"), (*path, "OPTIONS"))
        if factory is None or options is _FAILED:
            return _FAILED
        return self._construct(factory, options, entry, path)

    def _engine(self, value: Any, path: Keys) -> Callable[..., Any] | None:
        if not isinstance(value, str):
            text = f"it must be the dotted path of a class, as text.{_dotted_path_hint(value)}"
            self.problems.report("engine", path, value, text)
            return None
        try:
            engine = import_string(value)
        except ImproperlyConfigured as error:
            self.problems.report("engine", path, value, str(error), error.__cause__)
            return None
        if callable(engine):
            return engine  # type: ignore[no-any-return]
        text = f"it is no class but an object of type {type(engine).__name__!r}"
        self.problems.report("engine", path, value, text)
        return None

    def _options(self, factory: Any, value: Any, path: Keys) -> Any:
        """Return the options for *factory*, with objects built, or `_FAILED`."""
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            self._report_shape(path, value, "a mapping of option names to values")
            return _FAILED
        fits = factory is None or self._fits(factory, value, path)
        built = {name: self._option(factory, name, value[name], path) for name in value}
        return _whole(built.values(), built) if fits else _FAILED

    def _option(self, factory: Any, name: Any, value: Any, path: Keys) -> Any:
        # What a router holds is looked at here, where the way to it is known.
        if isinstance(factory, type) and issubclass(factory, RoutingBackend):
            if name == "backends":
                return self._backends(value, (*path, name))
            if name == "processors":
                return self._processors(value, (*path, name))
        return self._walk(value, (*path, name))

    def _fits(self, factory: Any, options: Mapping[Any, Any], path: Keys) -> bool:
        """Tell whether *factory* takes *options*; report each that it does not take, or misses."""
        try:
            taken = signature(factory)
        except (TypeError, ValueError):
            # Some classes written in C do not tell.
            return True
        known, missing = _names(taken, options)
        unknown = [name for name in options if known is not None and name not in known]
        takes = f" It takes {_name(factory)}{_bare(taken)}"
        for name in unknown:
            text = f"{_name(factory)} has no option {name!r}.{did_you_mean(str(name), known or [])}"
            self.problems.report("options", (*path, name), options[name], text + takes)
        for name in missing:
            text = f"{_name(factory)} needs the option {name!r}.{takes}"
            self.problems.report("options", path, options, text)
        return not unknown and not missing

    def _construct(self, factory: Any, options: Any, entry: Any, path: Keys) -> Any:
        try:
            built = factory(**options)
        except Exception as error:
            # Without the frame of this method, whose variables hold the secrets.
            cause = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
            self._report_construction(factory, entry, path, cause)
            return _FAILED
        self._built.append(built)
        return built

    def _report_construction(self, factory: Any, entry: Any, path: Keys, error: Exception) -> None:
        """Report each option that *factory* refused, or the whole entry."""
        given = entry.get("OPTIONS") or {}
        for name, line in getattr(error, "options", ()):
            option = name.partition("[")[0]
            if option in given:
                place = (*path, "OPTIONS", option)
                self.problems.report("construction", place, given[option], line, error)
            else:
                self.problems.report("construction", (*path, "OPTIONS"), given, line, error)
        if not getattr(error, "options", ()):
            key = "OPTIONS" if given else "ENGINE"
            said = _said(error, factory)
            self.problems.report("construction", (*path, key), entry[key], said, error)

    def _report_unfit(self, path: Keys, value: Any, text: str) -> None:
        if isinstance(value, Mapping) and "ENGINE" in value:
            self.problems.report("shape", (*path, "ENGINE"), value["ENGINE"], text)
        else:
            self.problems.report("shape", path, value, f"{text} {_entry_hint(value)}")

    def _report_shape(self, path: Keys, value: Any, expected: str) -> None:
        text = f"it must be {expected}"
        if isinstance(value, str):
            # Not shown: JSON with a slip in it looks like this, whatever it holds.
            value = UNSHOWN
            text += ", and this is text. In an environment variable it has to be valid JSON"
        self.problems.report("setting", path, value, text)

    def _close(self, built: Any) -> None:
        close = getattr(built, "close", None)
        if not callable(close):
            return
        try:
            call_within(close, _CLOSE_SECONDS)
        except Exception as error:  # the others must be closed all the same
            text = self.problems.mask.scrubbed(f"{type(error).__name__}: {error}")
            logger.warning("%s could not be closed: %s", type(built).__name__, text)


def _whole(parts: Iterable[Any], whole: Any) -> Any:
    return _FAILED if any(part is _FAILED for part in parts) else whole


def _names(taken: Signature, options: Mapping[Any, Any]) -> tuple[list[str] | None, list[str]]:
    """Return the options that exist, `None` if any name does, and those missing in *options*."""
    named = [p for p in taken.parameters.values() if p.kind not in _COLLECTING]
    known = [p.name for p in named if p.kind is not Parameter.POSITIONAL_ONLY]
    given = options.keys() & set(known)
    missing = [p.name for p in named if p.default is Parameter.empty and p.name not in given]
    takes_any = any(p.kind is Parameter.VAR_KEYWORD for p in taken.parameters.values())
    return None if takes_any else known, missing


_COLLECTING = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _bare(taken: Signature) -> Signature:
    """Return the signature without annotations, which say little to an operator."""
    parameters = [p.replace(annotation=Parameter.empty) for p in taken.parameters.values()]
    return taken.replace(parameters=parameters, return_annotation=Signature.empty)


def _name(factory: Any) -> str:
    return getattr(factory, "__qualname__", None) or repr(factory)


def _dotted_path_hint(value: Any) -> str:
    if not hasattr(value, "__qualname__"):
        return ""
    return f" Write '{value.__module__}.{value.__qualname__}'"


def _entry_hint(value: Any) -> str:
    """Say what an entry looks like, and which of its keys was probably meant to be ENGINE."""
    if isinstance(value, Mapping):
        for key in value:
            if isinstance(key, str) and did_you_mean(key.upper(), ["ENGINE"]):
                return f"Write 'ENGINE' instead of {key!r}"
    return f"Write {_SHAPE}"


def _said(error: Exception, factory: Any) -> str:
    """Return the text of *error*; unless it was written for the reader, with where it is from."""
    try:
        text = str(error)
    except Exception:
        text = "(it cannot say why)"
    if isinstance(error, ImproperlyConfigured):
        return text
    return f"{_name(factory)} raised {type(error).__name__}: {text}"
