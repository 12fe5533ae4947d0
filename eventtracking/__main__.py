"""Run the command `eventtracking` by `python -m eventtracking`."""

from __future__ import annotations

import sys

from eventtracking.cli import main

if __name__ == "__main__":
    sys.exit(main())
