"""Peers that speak HTTP/2."""
