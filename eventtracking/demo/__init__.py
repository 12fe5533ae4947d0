"""A small web application that tracks the actions of its users: `eventtracking demo`."""
