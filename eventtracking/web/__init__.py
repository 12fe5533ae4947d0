"""Doors into web programs. Import the file; this package imports none of them."""
