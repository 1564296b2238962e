"""Tests with real sockets and real programs: the proxy as a process of its own, between clients and peers of others."""
