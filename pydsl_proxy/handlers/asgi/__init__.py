"""The handler that answers with an ASGI application."""
