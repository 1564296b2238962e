"""An application of Node, as one process for each core, and its files, which Node need not read.

node examples/node/server.js 3000 & node examples/node/server.js 3001 &
twist pydsl-proxy --config examples/node/proxy.py
"""

from pathlib import Path

from pydsl_proxy import MiB, http, least_conn, minutes, peer, server, upstream

PUBLIC = Path(__file__).with_name("public")

app = upstream(
    "app",
    # A process serves many at a time, but one at once: who has the fewest under way is asked.
    least_conn(),
    # One that crashed is started again within seconds.
    peer("127.0.0.1:3000", max_fails=2, fail_timeout=5),
    peer("127.0.0.1:3001", max_fails=2, fail_timeout=5),
    # Node closes an idle connection after 5 seconds (server.keepAliveTimeout).  A proxy that is later than that sends a
    # request on a connection that is just being closed, now and then: the 502 of so many Node applications.
    keepalive_timeout=4,
)

web = (
    server(8080)
    .limit_body(10 * MiB)
    # Their names change with their content.
    .location("/static/")
    .serve_files(PUBLIC / "static", cache_control="public, max-age=31536000, immutable")
    # Server-sent events: nothing is held, and nobody takes a silent stream for dead.
    .location("/events")
    .heartbeat(15)
    .proxy_to(app)
    .location("/")
    # What breaks before it is answered is asked of the other process, unless it is a POST or PATCH that was sent.
    .timeouts(connect=1, read=1 * minutes)
    .retry(2, on=["error", 503])
    .compress()
    .proxy_to(app)
)

proxy = http(web)
