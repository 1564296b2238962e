"""Peers that speak FastCGI, SCGI or uwsgi."""
