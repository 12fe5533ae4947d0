"""A request to the collector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self, TypeAlias

from eventtracking.request import FACTS, FactsMapping, RequestFacts, current_request

GivenFacts: TypeAlias = RequestFacts | Mapping[str, Any] | None
"""The facts about a request as a caller of the collector gives them."""


class CollectorRequest(NamedTuple):
    """The method, the headers with lowercase names, and the facts about a request."""

    method: str
    headers: Mapping[str, str]
    facts: RequestFacts | None

    @classmethod
    def of(cls, method: str, headers: Mapping[str, str], facts: GivenFacts) -> Self:
        """Return the request that a caller describes."""
        lowercase = {name.lower(): value for name, value in headers.items()}
        return cls(method, lowercase, _complete(facts))

    @property
    def ip(self) -> str:
        """The address of the client; empty if it is not known."""
        return "" if self.facts is None else str(self.facts["ip"])

    @property
    def query(self) -> str:
        """The query string."""
        return "" if self.facts is None else str(self.facts["query"])


def _complete(facts: GivenFacts) -> RequestFacts | None:
    current = current_request()
    return current if facts is None or facts is current else _MappingFacts(facts)


class _MappingFacts(FactsMapping):
    """The facts in a mapping. Those that are missing are empty."""

    def __init__(self, facts: RequestFacts | Mapping[str, Any]) -> None:
        self.cache: dict[object, dict[str, Any]] = {}
        self._facts = facts

    def __getitem__(self, name: str) -> Any:
        if name not in FACTS:
            raise KeyError(name)
        try:
            return self._facts[name]
        except KeyError:
            return ""
