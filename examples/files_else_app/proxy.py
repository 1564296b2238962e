"""Files where there are some, and else the application, as Rails, Django and PHP frameworks are served.

twist pydsl-proxy --config examples/files_else_app/proxy.py
"""

from pathlib import Path

from pydsl_proxy import http, named, path, server, upstream

PUBLIC = Path(__file__).with_name("public")

app = upstream("app", "127.0.0.1:9000")

site = (
    server(8080)
    .location("/")
    .serve_files(PUBLIC, try_files=[path, named("app")])
    # No request finds it by its path.
    .location(named("app"))
    .proxy_to(app)
)

proxy = http(site)
