"""Backends: one file each. Import the file; this package imports none of them."""
