"""A service in Go, as two instances, so that a new version can be started without an error.

go build -o /tmp/service examples/go/main.go
/tmp/service -listen 127.0.0.1:8001 & /tmp/service -listen 127.0.0.1:8002 &
twist pydsl-proxy --config examples/go/proxy.py
"""

from pathlib import Path

from pydsl_proxy import http, peer, server, upstream

STATIC = Path(__file__).with_name("static")

service = upstream(
    "service",
    peer("127.0.0.1:8001", max_fails=1, fail_timeout=2),
    peer("127.0.0.1:8002", max_fails=1, fail_timeout=2),
    # Go serves thousands of connections at a time, so keep many; for less than the 75 seconds of its IdleTimeout.
    keepalive=256,
    keepalive_timeout=60,
)

web = (
    server(8080)
    .location("/static/")
    .serve_files(STATIC, cache_control="max-age=3600")
    .location("/")
    # An instance that ends refuses new connections, which costs nothing: the other one is asked, as it is if this one
    # says 503 before.  Bodies stream: that a goroutine waits for a slow client is cheap.
    .timeouts(connect=1, read=30)
    .retry(2, on=["error", 503])
    .proxy_to(service)
)

proxy = http(web)
