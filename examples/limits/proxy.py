"""What a client may ask for: how often, how much at once, how fast, and how slowly.

twist pydsl-proxy --config examples/limits/proxy.py
"""

from pydsl_proxy import KiB, MiB, Request, clients, http, server, upstream

app = upstream("app", "127.0.0.1:9000")


def api_key(request: Request) -> str:
    """Whom to count: nobody without a key, they are refused by the application."""
    return request.header("x-api-key")


web = (
    server(8080)
    .limit_body(1 * MiB)
    # A password may be tried five times, then once in twelve minutes.
    .location("/login")
    .limit_requests("5/h", burst=4)
    .proxy_to(app)
    # Ten requests pass at once, ten more wait for their turn, and by the key no more than so many an hour.
    .location("/api/")
    .limit_requests("10/s", burst=20, delay=10)
    .limit_requests("3600/h", burst=600, key=api_key)
    .proxy_to(app)
    # Two downloads at once for each client, each fast for its first megabyte.
    .location("/files/")
    .limit_connections(2)
    .limit_rate(500 * KiB, after=1 * MiB)
    .proxy_to(app)
    # What a limit would do, in the log alone.
    .location("/search")
    .limit_requests("1/s", burst=5, shadow=True)
    .proxy_to(app)
    .location("/")
    .proxy_to(app)
)

proxy = http(
    web,
    clients=clients(head_timeout=10, min_body_rate=240, connections=20_000, connections_per_client=100),
).limit_requests("50/s", burst=200)
