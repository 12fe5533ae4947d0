"""The commands of the program `eventtracking`: one command a file, listed in `cli.py`."""
