"""A callback that a settings file can name."""

losses = []


def note(*loss):
    """Keep the id, the name and the reason of a lost event."""
    losses.append(loss)
