"""Google Analytics 4: payloads of its Measurement Protocol, made from any event."""
