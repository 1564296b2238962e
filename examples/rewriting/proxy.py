"""Paths that are other ones at the peer, and cookies that go with them.

twist pydsl-proxy --config examples/rewriting/proxy.py
"""

from pydsl_proxy import header, http, server, upstream

shop = upstream("shop", "127.0.0.1:9001")
blog = upstream("blog", "127.0.0.1:9002")
app = upstream("app", "127.0.0.1:9000")

web = (
    server(8080)
    .location("/shop")
    .strip_prefix()
    .rewrite_cookie_path({"/": "/shop/"})
    .set_cookie_flags(secure=True, samesite="lax")
    .proxy_to(shop)
    .location("/blog/")
    .rewrite(r"^/blog/(?P<year>\d{4})/(.*)$", r"/archive/\g<year>?name=\2")
    .proxy_to(blog)
    .location("/tenant/")
    .rewrite(r"^/tenant/(.*)$", f"/{header('x-tenant')}/" r"\1")
    .proxy_to(app)
    .location("/old/")
    .rewrite(r"^/old/(.*)$", r"/new/\1", redirect=301)
    .proxy_to(app)
    .location("/")
    .proxy_to(app)
)

proxy = http(web)
