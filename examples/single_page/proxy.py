"""An application in one page: what is no file is the page, whose script knows the path; the API is behind it.

twist pydsl-proxy --config examples/single_page/proxy.py
"""

from pathlib import Path

from pydsl_proxy import exact, http, path, server, upstream

ROOT = Path(__file__).with_name("www")

api = upstream("api", "127.0.0.1:9000")

site = (
    server(8080)
    .location("/api/")
    .proxy_to(api)
    # The page itself is asked for each time, so that a new one is seen at once; what it loads is kept by browsers.
    .location(exact("/index.html"))
    .serve_files(ROOT / "index.html", cache_control="no-cache")
    .location("/")
    .serve_files(ROOT, try_files=[path, "/index.html"], cache_control="public, max-age=86400")
)

proxy = http(site)
