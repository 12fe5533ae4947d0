"""What a secret looks like: by the name of its field, and by itself within a text."""
