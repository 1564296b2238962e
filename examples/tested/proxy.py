"""A configuration with tests of its own, which stand beside it in test_proxy.py.

twist pydsl-proxy --config examples/tested/proxy.py
cd examples/tested && trial test_proxy.py      (or: python -m unittest, or: pytest)
"""

from pydsl_proxy import exact, http, server, upstream

app = upstream("app", "10.0.0.1:9000", "10.0.0.2:9000")

web = (
    server(8080)
    .location(exact("/healthz"))
    .respond(200, "ok\n")
    .location("/api/")
    .timeouts(read=10)
    .retry(2)
    .set_request_header("X-Api", "yes")
    .proxy_to(app, path="/v1/")
    .location("/")
    .redirect_to("https://example.com")
)

proxy = http(web)
