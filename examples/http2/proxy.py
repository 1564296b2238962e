"""HTTP/2 for clients that know that it is spoken here, as other proxies and gRPC do.

twist pydsl-proxy --config examples/http2/proxy.py
curl --http2-prior-knowledge http://127.0.0.1:8080/protocol

Over TLS nothing has to be said: examples/https/proxy.py offers HTTP/2.
"""

from pydsl_proxy import protocol, server

proxy = (
    server(8080, http2="prior-knowledge")
    .location("/protocol")
    .respond(200, f"{protocol}\n")
    .location("/")
    .proxy_to("127.0.0.1:9000")
)
