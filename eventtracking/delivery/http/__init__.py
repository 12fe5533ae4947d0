"""Send batches over HTTP: a client, its connections, and the meaning of a response."""
