"""The exceptions of processors, at the import path of event-tracking."""

from eventtracking.exceptions import EventEmissionExit, NoBackendEnabled, NoTransformerImplemented

__all__ = ["EventEmissionExit", "NoBackendEnabled", "NoTransformerImplemented"]
