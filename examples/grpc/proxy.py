"""Two instances of a gRPC service: each call goes to the one with the fewest calls under way.

python examples/grpc/service.py 5051 & python examples/grpc/service.py 5052 &
twist pydsl-proxy --config examples/grpc/proxy.py
python examples/grpc/client.py 8080
"""

from pydsl_proxy import KiB, clients, hours, http, http2, least_conn, peer, server, upstream

greeter = upstream(
    "greeter",
    least_conn(),
    peer("127.0.0.1:5051", fail_timeout=2),
    peer("127.0.0.1:5052", fail_timeout=2),
    via=http2(),
)

web = (
    # gRPC inside a network speaks HTTP/2 from the first byte on; over TLS, tls=tls("cert.pem", "key.pem") is enough.
    server(8080, http2="prior-knowledge")
    # A call is a POST of /package.Service/Method, so each service may have its own location.
    .location("/examples.Greeter/Watch")
    # Streams may be silent for long.
    .timeouts(connect=1, read=1 * hours)
    .proxy_to(greeter)
    .location("/examples.Greeter/")
    .timeouts(connect=1, read=30)
    # As large as a message may be for gRPC unless told otherwise, and its frame.
    .limit_body(4096 * KiB + 5)
    .proxy_to(greeter)
    .location("/")
    .respond(200, "a gRPC service: see examples/grpc\n")
)

# A stream to the server may be silent for as long as one from it.
proxy = http(web, clients=clients(body_timeout=1 * hours))
