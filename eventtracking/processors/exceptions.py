"""What processors raise, under the names event-tracking gave them."""

from eventtracking.exceptions import EventEmissionExit, NoBackendEnabled, NoTransformerImplemented

__all__ = ["EventEmissionExit", "NoBackendEnabled", "NoTransformerImplemented"]
