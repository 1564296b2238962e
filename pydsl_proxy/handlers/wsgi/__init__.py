"""The handler that answers with a WSGI application."""
