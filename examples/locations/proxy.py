"""Servers by name, locations by path, and paths that change on their way to the peer.

twist pydsl-proxy --config examples/locations/proxy.py
"""

from pydsl_proxy import exact, http, location, prefix, regex, server, upstream

app = upstream("app", "127.0.0.1:9000")
api = upstream("api", "127.0.0.1:9100")
images = upstream("images", "127.0.0.1:9200")

# Made once, taken up by several servers.
health = location(exact("/healthz")).respond(200, "ok\n")

main = (
    server(8080, names=["example.com", "*.example.com"])
    .including(health)
    # /api/users is sent as /v1/users.
    .location("/api/")
    .proxy_to(api, path="/v1/")
    # Where this prefix is the longest, no regex is tried.
    .location(prefix("/img/", stop=True))
    .proxy_to(images)
    .location(regex(r"\.(png|jpe?g)$", ignore_case=True))
    .proxy_to(images)
    .location("/")
    .proxy_to(app)
)
old = server(8080, names=["old.example.org"]).including(health).location("/").redirect_to("https://example.com", 301)

proxy = http(main, old)
