"""In front of an nginx that is there already, with a site in its configuration that nobody wants to touch.

nginx -p examples/nginx -c nginx.conf
twist pydsl-proxy --config examples/nginx/proxy.py
"""

from pathlib import Path

from pydsl_proxy import exact, http, peer, server, upstream

STATIC = Path(__file__).with_name("static")

site = upstream(
    "site",
    # There is nobody else to ask, so it is never left alone.
    peer("127.0.0.1:8000", max_fails=0),
    # Below the 75 seconds of nginx's keepalive_timeout, and not more requests than its keepalive_requests.
    keepalive_timeout=60,
    keepalive_requests=1000,
)

web = (
    server(8080)
    # Files that come with the proxy stand beside those of the site.
    .location(exact("/robots.txt"))
    .serve_files(STATIC / "robots.txt")
    .location("/")
    # Compressed here, once: nginx gets no Accept-Encoding to do it by.
    .remove_request_header("Accept-Encoding")
    .compress()
    .proxy_to(site)
)

proxy = http(web)
