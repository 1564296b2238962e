"""The handler that serves files."""
