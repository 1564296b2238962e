"""A new version for some clients, and a copy of the traffic for the one after it.

twist pydsl-proxy --config examples/canary/proxy.py
"""

from pydsl_proxy import client_address, header, http, map_value, regex, server, split_clients, upstream

stable = upstream("stable", "127.0.0.1:9000")
canary = upstream("canary", "127.0.0.1:9001")
next_version = upstream("next", "127.0.0.1:9002")

plan = map_value(header("x-api-key"), {"k-1234": "gold", regex("^trial-"): "trial"}, default="free")
share = split_clients(client_address, {"canary": 5}, rest="stable")

web = (
    server(8080)
    .set_request_header("X-Plan", plan)
    .set_response_header("X-Version", share)
    .location("/")
    .when(share.equals("canary") & ~plan.equals("gold"))
    .proxy_to(canary)
    .location("/")
    .mirror(next_version, percent=10)
    .proxy_to(stable)
)

proxy = http(web)
