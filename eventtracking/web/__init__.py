"""Integrations with web servers. Import their modules: this package imports none of them."""
