"""Streams as a configuration states them."""
