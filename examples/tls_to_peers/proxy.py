"""Peers that are spoken to over TLS: services of one's own, and somebody else's.

twist pydsl-proxy --config examples/tls_to_peers/proxy.py
"""

from pydsl_proxy import server, upstream, upstream_tls

# Issued by an authority of one's own, to whom the proxy shows a certificate too.  Each peer has one for its own host.
own = upstream_tls(
    ca="/etc/ssl/internal-ca.pem",
    cert="/etc/ssl/proxy.pem",
    key="/etc/ssl/proxy.key",
)
orders = upstream("orders", "orders-1.internal:8443", "orders-2.internal:8443", tls=own)

# Peers without names, which share one certificate.
stock = upstream(
    "stock", "10.0.0.1:8443", "10.0.0.2:8443", tls=upstream_tls(ca="/etc/ssl/internal-ca.pem", name="stock.internal")
)

proxy = (
    server(8080)
    .location("/orders/")
    .timeouts(connect=1)
    .proxy_to(orders)
    .location("/stock/")
    .proxy_to(stock)
    .location("/")
    # Trusted by what the system trusts; it wants to be asked by its own name.
    .set_request_header("Host", "www.example.com")
    .proxy_to("https://www.example.com")
)
