"""https for two hosts on one port, http sent there, and an API whose clients show certificates.

twist pydsl-proxy --config examples/https/proxy.py
"""

from pydsl_proxy import client_certificate_subject, http, server, tls

LIVE = "/etc/letsencrypt/live"

shop = (
    server(
        443,
        names=["shop.example.com"],
        tls=tls(f"{LIVE}/shop.example.com/fullchain.pem", f"{LIVE}/shop.example.com/privkey.pem"),
    )
    .hsts(include_subdomains=True)
    .location("/")
    .proxy_to("127.0.0.1:9000")
)
api = (
    server(
        443,
        names=["api.example.com"],
        tls=tls(
            f"{LIVE}/api.example.com/fullchain.pem",
            f"{LIVE}/api.example.com/privkey.pem",
            client_ca="/etc/ssl/api-clients.pem",
        ),
    )
    # A client's own field of this name is dropped.
    .set_request_header("X-Client-Subject", client_certificate_subject)
    .location("/")
    .proxy_to("127.0.0.1:9001")
)
plain = server(80).location("/").redirect_to_https()

proxy = http(shop, api, plain)
