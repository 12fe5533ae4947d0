"""Receivers of events: what each service takes, and how it gets there."""
