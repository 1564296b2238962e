"""Clients whose bytes are passed on unread."""
