"""Tags for the templates of Django."""
