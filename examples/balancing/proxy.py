"""Two upstreams: one that sends requests to the least busy peer, one that keeps each tenant at the same peer.

twist pydsl-proxy --config examples/balancing/proxy.py
"""

from pydsl_proxy import hash_by, header, http, least_conn, peer, server, upstream

app = upstream(
    "app",
    least_conn(),
    peer("10.0.0.1:9000", weight=2),
    peer("10.0.0.2:9000", max_fails=3, fail_timeout=30),
    # At most 50 requests at a time: it is an old machine.
    peer("10.0.0.3:9000", max_conns=50),
    # Used while none of the others can be.
    peer("10.0.0.9:9000", backup=True),
    keepalive=64,
)

# Adding a peer moves only the tenants that the new one takes over.
tenants = upstream("tenants", hash_by(header("x-tenant"), consistent=True), "10.0.1.1:9000", "10.0.1.2:9000")

proxy = http(server(8080).location("/tenants/").proxy_to(tenants).location("/").proxy_to(app))
