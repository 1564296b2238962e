"""What is tried again at another peer, how often and for how long.

twist pydsl-proxy --config examples/retries/proxy.py
"""

from pydsl_proxy import http, peer, server, upstream

app = upstream(
    "app",
    peer("10.0.0.1:9000", max_fails=3, fail_timeout=30),
    peer("10.0.0.2:9000", max_fails=3, fail_timeout=30),
    peer("10.0.0.3:9000", max_fails=3, fail_timeout=30),
)

web = (
    server(8080)
    # Reading: two tries in all, of five seconds each.
    .location("/search/")
    .timeouts(connect=1, read=5)
    .retry(2, on=["error", "timeout", 502, 503], timeout=10)
    .proxy_to(app)
    # These requests may be repeated even if a peer has acted on them: they carry a key of their own.
    .location("/payments/")
    .retry(2, non_idempotent=True)
    .proxy_to(app)
    # Nothing is tried twice.
    .location("/jobs/")
    .retry(1)
    .proxy_to(app)
    .location("/")
    .proxy_to(app)
)

proxy = http(web).timeouts(connect=2)
