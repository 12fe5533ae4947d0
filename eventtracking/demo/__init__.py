"""A small web application that tracks what its users do: `eventtracking demo`."""
