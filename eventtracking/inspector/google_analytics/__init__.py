"""The stand-in for Google Analytics 4: its Measurement Protocol and the validation of it."""
