"""Processors, one module each. Import the module: this package imports none of them."""
