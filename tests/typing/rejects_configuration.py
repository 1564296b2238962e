"""Mistakes that mypy finds before anything runs; each ``# E:`` names a piece of what it says."""

from __future__ import annotations

from pydsl_proxy import http, least_conn, location, method, peer, regex, server, stream, upstream

app = upstream("app", "127.0.0.1:9000")

# A location without a handler.
http(server(80).location("/"))  # E: expected "Server | Stream"
server(80).including(location("/"))  # E: expected "Location"
server(80).location("/").location("/b")  # E: has no attribute "location"

# A location where a server is wanted, and a server where a location is.
http(location("/").proxy_to(app))  # E: expected "Server | Stream"
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
server(80).location("/").wsgi(print)  # E: expected "Callable
server(80).location("/").wsgi("a:b", 4)  # E: Too many positional arguments
server(80).location("/").asgi(len)  # E: expected "Callable
server(80).timeouts(read="30s")  # E: expected "float | None"
server(80).timeouts(30)  # E: Too many positional arguments
server(80).compress("brotli")  # E: expected "Literal['gzip', 'br', 'zstd']
server(80).compress(False)  # E: expected "Literal['gzip', 'br', 'zstd']
server(80).limit_body("8m")  # E: expected "int | None"
server(80).limit_requests(10)  # E: expected "str"
server(80).limit_requests("10/s", burst="20")  # E: expected "int"
server(80).limit_connections("5")  # E: expected "int"
server(80).limit_rate("500k")  # E: expected "int | Callable
server(80).buffer_response("8m")  # E: expected "int | None"
server(80).buffer_request(8, 4)  # E: Too many positional arguments
server(80).ignore_response_header(3)  # E: expected "str"
server(80).allow(10)  # E: expected "str"
server(80).deny(["10.0.0.0/8"])  # E: expected "str"
server(80).basic_auth()  # E: Missing positional argument "users"
server(80).auth_request(9091)  # E: expected "Upstream | str | None"
server(80).satisfy("one")  # E: expected "Literal['any', 'all']"
server(80).retry(2, on=["errors"])  # E: expected "Literal['connect', 'error'
server(80).retry(2, on=[501])  # E: expected "Literal['connect', 'error'
server(80).location("/").when(method == "POST")  # E: expected "Condition | Callable[[Request], bool]"
server(80).location("/").when(method)  # E: expected "Condition | Callable[[Request], bool]"
server(80).when(method.equals("POST"))  # E: has no attribute "when"
server(80).error_page("404", to="/x")  # E: expected "int"
server(80).error_page(404, to="/x", status="own")  # E: expected "int | Literal['target']
server(80).set_cookie_flags(samesite="Lax")  # E: expected "Literal['strict', 'lax', 'none', False]
server(80).set_request_header("X-A", 5)  # E: expected "str | Value
upstream("app", "a:1", least_conn())  # E: expected "Peer | str"
upstream("app", "a:1", tls=True)  # E: expected "UpstreamTls | None"
upstream("app", "a:1", via="fastcgi")  # E: expected "Connector | None"
upstream("app", "a:1", send_proxy_protocol=3)  # E: expected "Literal[1, 2] | None"
server(80, proxy_protocol=True)  # E: expected "Iterable[str] | None"
upstream("app", ["a:1"])  # E: expected "Strategy | Peer | str | None"
server(80).location("/").serve_files(5)  # E: expected "str | PathLike[str]"
server(80).location("/").serve_files("www", try_files=[b"/x", 404])  # E: "str | Callable[[Request], str] | Named | int"
server(80).location("/").serve_files("www", browse="on")  # E: expected "bool"
http(stream(5432))  # E: expected "Server | Stream"
http(stream(5432).proxy_to(app).timeouts(idle=3))  # E: has no attribute "timeouts"
stream(5432).location("/")  # E: has no attribute "location"
stream(5432).basic_auth("users")  # E: has no attribute "basic_auth"
stream(5432).timeouts(read=3)  # E: Unexpected keyword argument "read"
stream(5432).retry(2, on=["error"])  # E: Unexpected keyword argument "on"
stream(5432).limit_connections(2, status=503)  # E: Unexpected keyword argument "status"
stream(5432).proxy_to(app, path="/")  # E: Unexpected keyword argument "path"
stream(5432, names=[80])  # E: expected "str | Regex"
peer("a:1", wieght=2)  # E: Unexpected keyword argument "wieght"
peer("a:1", 2)  # E: Too many positional arguments
http(server(80), trusted_proxies=[regex("a")])  # E: expected "str"
