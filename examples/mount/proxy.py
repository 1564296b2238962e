"""A resource of twisted.web beside a location that proxies; Klein's and a ``WSGIResource`` are mounted alike.

twist pydsl-proxy --config examples/mount/proxy.py
curl http://127.0.0.1:8080/status
"""

from __future__ import annotations

import json
from time import monotonic

from twisted.web.resource import Resource
from twisted.web.server import Request

from pydsl_proxy import http, server, upstream

STARTED = monotonic()


class Status(Resource):
    """How long the process runs, as JSON."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """Answer GET, and HEAD with it."""
        request.setHeader(b"content-type", b"application/json")
        return json.dumps({"seconds": round(monotonic() - STARTED)}).encode() + b"\n"


status = Status()  # type: ignore[no-untyped-call]  # Twisted's __init__ is not annotated
app = upstream("app", "127.0.0.1:9000")

proxy = http(server(8080).location("/status").mount(status).location("/").proxy_to(app))
