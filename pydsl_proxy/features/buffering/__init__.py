"""Buffering of requests and responses."""
