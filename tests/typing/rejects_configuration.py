"""Mistakes that mypy finds before anything runs; each ``# E:`` names a piece of what it says."""

from __future__ import annotations

from pydsl_proxy import http, least_conn, location, peer, regex, server, upstream

app = upstream("app", "127.0.0.1:9000")

# A location without a handler.
http(server(80).location("/"))  # E: expected "Server"
server(80).including(location("/"))  # E: expected "Location"
server(80).location("/").location("/b")  # E: has no attribute "location"

# A location where a server is wanted, and a server where a location is.
http(location("/").proxy_to(app))  # E: expected "Server"
server(80).proxy_to(app)  # E: has no attribute "proxy_to"
server(80).including(server(81))  # E: expected "Location"

# Wrong types.
server(80.0)  # E: expected "int | str"
server(80, names=[80])  # E: expected "str | Regex"
server(80).location(80)  # E: expected "str | Prefix | Exact | Regex | Named"
server(80).location("/").proxy_to(8080)  # E: expected "Upstream | str"
server(80).location("/").proxy_to(app, "/v1/")  # E: Too many positional arguments
server(80).location("/").respond("200")  # E: expected "int"
server(80).location("/").handle(print)  # E: expected "Handler"
server(80).timeouts(read="30s")  # E: expected "float | None"
server(80).timeouts(30)  # E: Too many positional arguments
server(80).limit_body("8m")  # E: expected "int | None"
server(80).retry(2, on=["errors"])  # E: expected "Literal['connect', 'error'
server(80).retry(2, on=[501])  # E: expected "Literal['connect', 'error'
server(80).set_request_header("X-A", 5)  # E: expected "str | Value
upstream("app", "a:1", least_conn())  # E: expected "Peer | str"
upstream("app", ["a:1"])  # E: expected "Strategy | Peer | str | None"
peer("a:1", wieght=2)  # E: Unexpected keyword argument "wieght"
peer("a:1", 2)  # E: Too many positional arguments
http(server(80), trusted_proxies=[regex("a")])  # E: expected "str"
