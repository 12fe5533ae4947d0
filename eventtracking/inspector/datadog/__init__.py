"""The stand-in for Datadog: its HTTP APIs for logs, events and metrics, and DogStatsD."""
