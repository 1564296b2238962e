"""A site of files: pages without their .html, assets for a year, downloads in a list.

twist pydsl-proxy --config examples/static_site/proxy.py
"""

from pathlib import Path

from pydsl_proxy import http, path, server

ROOT = Path(__file__).with_name("www")

site = (
    server(8080)
    # /about is about.html; what is not there is 404.
    .location("/")
    .serve_files(ROOT, try_files=[path, f"{path}.html", f"{path}/", 404], cache_control="no-cache")
    # Their names change with their content.  style.css.br or style.css.gz beside style.css is sent to who takes it.
    .location("/css/")
    .serve_files(ROOT / "css", precompressed=True, cache_control="public, max-age=31536000, immutable")
    .location("/files/")
    .serve_files(ROOT, browse=True, index=[])
)

proxy = http(site)
