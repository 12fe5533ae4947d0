"""What Datadog wants of events: names, metrics, and the ways to its agent and its intakes."""
