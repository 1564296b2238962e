"""Gunicorn's sync workers behind buffers: no worker waits for a slow client, in either direction.

gunicorn --bind 127.0.0.1:8000 --workers 4 shop.wsgi
twist pydsl-proxy --config examples/buffers/proxy.py
"""

from pydsl_proxy import KiB, MiB, server, upstream

app = upstream("app", "127.0.0.1:8000")

proxy = (
    server(8080)
    # A worker is free as soon as it has written its response, however slowly the client reads.
    .buffer_response()
    # And it is asked only when the whole request is here.
    .buffer_request(1 * MiB)
    # Photos: larger, on a disk that has room for them, and sent to another worker if one dies over them.
    .location("/photos/")
    .buffer_request(50 * MiB, memory=256 * KiB, spool="/var/tmp")
    .retry(2, non_idempotent=True)
    .proxy_to(app)
    # Progress of long jobs, event by event: nothing is held for anybody.
    .location("/progress/")
    .buffer_response(None)
    .proxy_to(app)
    .location("/")
    .proxy_to(app)
)
