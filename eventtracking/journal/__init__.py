"""Lines of JSON in files: `LineFile` appends them, `read` reads them, damaged ones included."""

from eventtracking.journal.file_writer import Fsync
from eventtracking.journal.line_file import LineFile
from eventtracking.journal.reading import read

__all__ = ["Fsync", "LineFile", "read"]
