"""Upstreams at work: peers, their pools, attempts and retries."""
