"""A configuration as users write it, with every verb; mypy has nothing to say of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from flask import Flask
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
    map_value,
    method,
    minutes,
    named,
    path,
    peer,
    prefix,
    regex,
    request_uri,
    server,
    split_clients,
    stream,
    tls,
    upstream,
    upstream_tls,
)
from pydsl_proxy.config.servers import Server
from pydsl_proxy.interfaces import CompileContext, Handle

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


class Custom:
    """A handler of the user's own."""

    def compile(self, place: CompileContext) -> Handle:
        return lambda exchange: exchange.respond(200)


def greeting(request: Request) -> str:
    return f"hello {request.client_address}"


def is_local(request: Request) -> bool:
    return request.client_address == "127.0.0.1"


app = upstream("app", least_conn(), "10.0.0.1:9000", peer("10.0.0.2:9000", weight=2, fail_timeout=1.5), keepalive=64)
plain = upstream("plain", "unix:/run/app.sock", send_proxy_protocol=2)
secure = upstream("secure", "a:443", tls=upstream_tls(ca=Path("ca.pem"), name="a.test", cert="c.pem", key="c.key"))
told = server(8443, proxy_protocol=["10.0.0.0/8", "unix:"]).location("/").proxy_to("https://a.test")
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
    .compress("br", "gzip", types=["text/*", "application/json"], min_length=1 * KiB, level=4)
    .compress(None)
    .limit_requests("10/s", burst=20, delay=5, key=header("x-tenant"))
    .limit_requests("5/m", key=greeting, shadow=True)
    .limit_connections(5, key=f"{host}{request_uri}")
    .satisfy("any")
    .allow("10.0.0.0/8", "unix:")
    .deny("all")
    .basic_auth(Path("htpasswd"), realm="Staff")
    .basic_auth(None)
    .auth_request("http://127.0.0.1:9091/verify", copy=["X-User"], timeout=5, pass_reply=True)
    .auth_request(app, path="/verify")
    .limit_rate(100 * KiB, after=8 * KiB)
    .buffer_response()
    .buffer_response(64 * KiB, memory=8 * KiB, spool=Path("/var/tmp"))
    .buffer_request(None)
    .buffer_request(memory=8 * KiB, spool=False)
    .ignore_response_header("X-Accel-Redirect", "X-Accel-Buffering")
    .limit_rate(lambda request: 8.5 if request.path == "/slow" else None)
    .proxy_to(app, path="/v1/")
    .location(prefix("/tenants/", stop=True))
    .remove_request_header("Cookie")
    .proxy_to(tenants)
    .location("/hello")
    .respond(200, greeting, content_type="text/html")
    .location("/bytes")
    .respond(200, b"\xff")
    .location("/files/")
    .serve_files(Path("www"), try_files=[path, f"{path}.html", greeting, named("other")], types={"md": "a/b"})
    .location("/downloads/")
    .serve_files("www", index=[], browse=True, precompressed=["gzip"], cache_control="no-cache", keep_prefix=True)
    .location("/shop")
    .when(method.equals("POST") & ~header("x-bot").exists())
    .when(is_local)
    .strip_prefix()
    .rewrite(r"^/v1/(.*)$", r"/\1", last=True)
    .rewrite(regex("^/x"), f"https://{host}/", redirect=301)
    .error_page(404, 410, to="/404.html", status="target")
    .error_page(502, to=named("other"), intercept=True)
    .error_page(503, body=greeting)
    .mirror("127.0.0.1:9100", percent=2.5)
    .rewrite_cookie_path({"/": "/shop/"})
    .rewrite_cookie_domain({regex("x"): "y", "a": "b"})
    .set_cookie_flags("sid", secure=True, samesite="lax")
    .set_request_header("X-Plan", map_value(host, {"a": "b", regex("c"): greeting}, default=host))
    .set_request_header("X-Share", f"{split_clients(header('x'), {'a': 5}, rest='b')}!")
    .proxy_to(app)
    .location(named("other"))
    .internal()
    .respond(503)
    .location("/old")
    .redirect_to(f"https://{host}{request_uri}", 308)
    .location("/own")
    .handle(Custom())
    .location("/")
    .set_response_header("X-Frame-Options", "DENY")
    .hide_response_header("Server")
    .hide_interim_responses()
    .proxy_to("127.0.0.1:9000")
)


def mounted(resource: Resource) -> Server:
    return web.location("/resource/").mount(resource)


def applications(flask: Flask, fastapi: FastAPI, own: WSGIApplication) -> Server:
    return (
        web.location("/flask/")
        .wsgi(flask, threads=4, queue=10)
        .location("/own/")
        .wsgi(own)
        .location("/django/")
        .wsgi("mysite.wsgi:application")
        .location("/fastapi/")
        .asgi(fastapi, max_message=64 * KiB)
        .location("/starlette/")
        .asgi("package.module:app")
    )


database = (
    stream(5432, "unix:/run/db.sock", proxy_protocol=["10.0.0.0/8"])
    .timeouts(connect=1, idle=60 * minutes)
    .retry(2, timeout=3)
    .allow("10.0.0.0/8")
    .deny("all")
    .limit_connections(50, key=greeting)
    .proxy_to(plain)
)
passed = stream(443, names=["a.test", regex("^b")]).proxy_to("10.0.0.1:443")
opened = stream(6390, tls=tls(Path("cert.pem"), "key.pem")).proxy_to(secure)
streams = http(database, passed, opened)

proxy = http(web, database, access_log=Path("access.log"), trusted_proxies=["10.0.0.0/8"]).timeouts(read=30)
