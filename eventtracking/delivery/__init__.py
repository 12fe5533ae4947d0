"""
Deliver events over a network: batches, retries, an outbox, and a count of every event.

A backend for a new service consists of a `Destination`, which encodes and sends events, and a
subclass of `NetworkBackend`, which does the rest.
"""

from eventtracking.delivery.destination import (
    Destination,
    Limits,
    Ok,
    Outcome,
    Pause,
    Record,
    Reject,
    Retry,
    Split,
)
from eventtracking.delivery.failures import NoResponse, NotSent, failure
from eventtracking.delivery.http.client import HttpClient
from eventtracking.delivery.http.outcomes import Response, at_most_once, outcome_of
from eventtracking.delivery.losses import OnLoss
from eventtracking.delivery.network_backend import NetworkBackend
from eventtracking.delivery.options import DeliveryOptions
from eventtracking.delivery.signals import install_signal_handlers

__all__ = [
    "DeliveryOptions",
    "Destination",
    "HttpClient",
    "Limits",
    "NetworkBackend",
    "NoResponse",
    "NotSent",
    "Ok",
    "OnLoss",
    "Outcome",
    "Pause",
    "Record",
    "Reject",
    "Response",
    "Retry",
    "Split",
    "at_most_once",
    "failure",
    "install_signal_handlers",
    "outcome_of",
]
