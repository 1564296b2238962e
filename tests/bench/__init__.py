"""What a request costs the proxy, beside nginx and beside Twisted's own reverse proxy: ``python -m tests.bench``."""
