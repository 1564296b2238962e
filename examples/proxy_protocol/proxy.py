"""Behind a balancer of connections, and before peers that want to know the client as it does.

twist pydsl-proxy --config examples/proxy_protocol/proxy.py
curl --haproxy-protocol http://127.0.0.1:8080/whoami
"""

from pydsl_proxy import client_address, client_port, server, upstream

# One connection for each request: what is told of a client holds for the connection.
legacy = upstream("legacy", "10.0.0.1:9000", send_proxy_protocol=2)

proxy = (
    # Whoever else connects is closed: a header from anybody could claim any address.
    server(8080, proxy_protocol=["127.0.0.1", "10.0.0.0/8"])
    .location("/whoami")
    .respond(200, f"{client_address} from port {client_port}\n")
    .location("/legacy/")
    .proxy_to(legacy)
    .location("/")
    .proxy_to("127.0.0.1:9000")
)
