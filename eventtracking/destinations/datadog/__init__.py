"""Datadog: metrics for its agent and its intake, Datadog events, and logs."""
