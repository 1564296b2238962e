"""Clients that speak HTTP/2."""
