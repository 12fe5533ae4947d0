"""Post to servers: one client, its connections, and what an answer means."""
