"""Tracking modules of the Open edX platform. Import a module: this package imports none of them."""
