"""The commands of the program `eventtracking`, a file each."""
