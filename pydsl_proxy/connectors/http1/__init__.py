"""Peers that speak HTTP/1.1."""
