"""Streams at work: connections that are passed on unread."""
