"""A callback that a settings file can name."""

noted = []


def note(*loss):
    """Keep the id, the name and the reason of an event that was lost."""
    noted.append(loss)
