"""What WSGI and ASGI applications have in common: threads, event loops, calls between them and the reactor."""
