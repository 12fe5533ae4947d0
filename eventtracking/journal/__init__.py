"""Lines of JSON in files: `LineFile` appends them, `read` reads them, damaged ones included."""

from eventtracking.journal.line_file import Fsync, LineFile
from eventtracking.journal.reading import read

__all__ = ["Fsync", "LineFile", "read"]
