"""TLS of both sides: contexts, certificates, transports."""
