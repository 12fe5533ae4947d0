"""What is known about the current request, computed when the first event asks."""

from eventtracking.request.client_address import TrustedProxies
from eventtracking.request.facts import (
    DEFAULT_FACTS,
    FACTS,
    LIVE_FACTS,
    AskedVisitor,
    RequestFacts,
    Visit,
    Visitor,
    current_request,
    session_digest,
)

__all__ = [
    "DEFAULT_FACTS",
    "FACTS",
    "LIVE_FACTS",
    "AskedVisitor",
    "RequestFacts",
    "TrustedProxies",
    "Visit",
    "Visitor",
    "current_request",
    "session_digest",
]
