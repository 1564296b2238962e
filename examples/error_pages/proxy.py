"""Pages in the place of errors, and a spare upstream where one fails.

twist pydsl-proxy --config examples/error_pages/proxy.py
"""

from pydsl_proxy import host, http, named, server, upstream

app = upstream("app", "127.0.0.1:9000")
spare = upstream("spare", "127.0.0.1:9009")

web = (
    server(8080)
    .error_page(404, to="/errors/404.html")
    .error_page(500, 503, body=f"<h1>{host} will be back in a minute</h1>")
    .location("/errors/")
    .internal()
    .respond(200, "<h1>There is no such page</h1>", content_type="text/html; charset=utf-8")
    .location("/gone/")
    .respond(404)
    .location("/")
    .error_page(502, 504, to=named("spare"), status="target")
    .error_page(403, 404, to="/errors/404.html", intercept=True)
    .proxy_to(app)
    .location(named("spare"))
    .proxy_to(spare)
)

proxy = http(web)
