"""A configuration as users write it, with every verb; mypy has nothing to say of it."""

from __future__ import annotations

from pathlib import Path

from twisted.web.resource import Resource

from pydsl_proxy import (
    KiB,
    Request,
    exact,
    hash_by,
    header,
    host,
    http,
    least_conn,
    location,
    minutes,
    peer,
    prefix,
    regex,
    request_uri,
    server,
    upstream,
)
from pydsl_proxy.config.sites import Server
from pydsl_proxy.interfaces import Handle, Place


class Custom:
    """A handler of the user's own."""

    def compile(self, place: Place) -> Handle:
        return lambda exchange: exchange.respond(200)


def greeting(request: Request) -> str:
    return f"hello {request.client_address}"


app = upstream("app", least_conn(), "10.0.0.1:9000", peer("10.0.0.2:9000", weight=2, fail_timeout=1.5), keepalive=64)
plain = upstream("plain", "unix:/run/app.sock")
tenants = upstream("tenants", hash_by(header("x-tenant"), consistent=True), "a:1", "b:1")
health = location(exact("/healthz")).respond(200, "ok\n")

web = (
    server(8080, "unix:/run/web.sock", names=["example.com", "*.example.com", regex("^x")])
    .set_request_header("X-Uri", f"{host}{request_uri}")
    .including(health)
    .location("/api/")
    .timeouts(connect=1, read=2 * minutes)
    .retry(2, on=["error", "timeout", 503], timeout=10)
    .limit_body(8 * KiB)
    .proxy_to(app, path="/v1/")
    .location(prefix("/tenants/", stop=True))
    .remove_request_header("Cookie")
    .proxy_to(tenants)
    .location("/hello")
    .respond(200, greeting, content_type="text/html")
    .location("/bytes")
    .respond(200, b"\xff")
    .location("/old")
    .redirect_to(f"https://{host}{request_uri}", 308)
    .location("/own")
    .handle(Custom())
    .location("/")
    .set_response_header("X-Frame-Options", "DENY")
    .hide_response_header("Server")
    .proxy_to("127.0.0.1:9000")
)


def mounted(resource: Resource) -> Server:
    return web.location("/resource/").mount(resource)


proxy = http(web, access_log=Path("access.log"), trusted_proxies=["10.0.0.0/8"]).timeouts(read=30)
