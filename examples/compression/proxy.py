"""Responses compressed for the clients that accept it, and what had better not be.

twist pydsl-proxy --config examples/compression/proxy.py
"""

from pydsl_proxy import KiB, server, upstream

app = upstream("app", "127.0.0.1:9000")

proxy = (
    server(8080)
    # zstd and br where their libraries are installed, gzip always: for all locations but those that say otherwise.
    .compress()
    # Slow to make and kept by caches: smaller is worth some time.
    .location("/docs/")
    .compress("gzip", level=6, min_length=2 * KiB)
    .proxy_to(app)
    # Each event is compressed and sent when the application writes it.
    .location("/events")
    .compress("gzip", flush=True)
    .proxy_to(app)
    # A secret beside what the client has sent: their common length would tell it (BREACH).
    .location("/account/")
    .compress(None)
    .proxy_to(app)
    .location("/")
    .proxy_to(app)
)
