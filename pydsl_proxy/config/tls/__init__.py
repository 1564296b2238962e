"""TLS as a configuration states it: of servers and to peers."""
