"""PostgreSQL behind a stream: the primary, and replicas for those who only read, each at a port of its own.

twist pydsl-proxy --config examples/postgresql/proxy.py
psql -h 127.0.0.1 -p 6432 -U app app
"""

from pydsl_proxy import hours, http, least_conn, peer, stream, upstream

primary = upstream("primary", "127.0.0.1:5432")
replicas = upstream(
    "replicas",
    least_conn(),
    peer("127.0.0.1:5433", max_conns=100),
    peer("127.0.0.1:5434", max_conns=100),
    # If no replica can be had, the primary answers reads as well.
    peer("127.0.0.1:5432", backup=True),
)

# Pools keep connections open for long. TLS, which PostgreSQL asks for in its own words, is passed on as it is.
proxy = http(
    stream(6432).timeouts(connect=2, idle=8 * hours).allow("127.0.0.0/8", "10.0.0.0/8").deny("all").proxy_to(primary),
    stream(6433).timeouts(connect=2, idle=8 * hours).allow("127.0.0.0/8", "10.0.0.0/8").deny("all").proxy_to(replicas),
)
