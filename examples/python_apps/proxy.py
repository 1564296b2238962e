"""Applications in the proxy's own process, without a socket between.

One is of WSGI, as Flask's and Django's, one of ASGI, as FastAPI's.  The modules lie beside this file.

twist pydsl-proxy --config examples/python_apps/proxy.py
curl http://127.0.0.1:8080/ http://127.0.0.1:8080/api/users
"""

from __future__ import annotations

from pydsl_proxy import MiB, exact, server

proxy = (
    server(8080)
    .limit_body(10 * MiB)
    .location("/api/")
    .asgi("api:app")
    # In at most four threads.
    .location("/")
    .wsgi("shop:app", threads=4)
    .location(exact("/healthz"))
    .respond(200, "ok\n")
)
