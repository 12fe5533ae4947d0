"""The facts about the current request, determined when the first event needs them."""

from eventtracking.request.client_address import TrustedProxies
from eventtracking.request.facts import (
    DEFAULT_FACTS,
    FACTS,
    LIVE_FACTS,
    EnvironFacts,
    FactsMapping,
    RequestFacts,
)
from eventtracking.request.scope import RequestScope, current_request
from eventtracking.request.visitor import CallbackVisitor, Visitor, session_digest

__all__ = [
    "DEFAULT_FACTS",
    "FACTS",
    "LIVE_FACTS",
    "CallbackVisitor",
    "EnvironFacts",
    "FactsMapping",
    "RequestFacts",
    "RequestScope",
    "TrustedProxies",
    "Visitor",
    "current_request",
    "session_digest",
]
