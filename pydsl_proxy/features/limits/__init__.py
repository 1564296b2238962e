"""Limits: of requests, connections, bodies and rates."""
