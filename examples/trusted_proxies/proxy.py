"""Behind another proxy or a load balancer, whose word about the client is believed.

twist pydsl-proxy --config examples/trusted_proxies/proxy.py
curl -H 'X-Forwarded-For: 203.0.113.9' http://127.0.0.1:8080/whoami
"""

from pydsl_proxy import client_address, http, scheme, server

web = (
    server(8080)
    .location("/whoami")
    .respond(200, f"{client_address} by {scheme}\n")
    .location("/")
    .proxy_to("127.0.0.1:9000")
)

# The networks of the proxies in front; a client anywhere else can claim what it likes, it is not believed.
proxy = http(web, trusted_proxies=["127.0.0.1", "10.0.0.0/8"])
