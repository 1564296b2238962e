"""Applications in the proxy's own process, without a socket between: one of WSGI, as Flask's and Django's.

twist pydsl-proxy --config examples/python_apps/proxy.py
curl http://127.0.0.1:8080/
"""

from __future__ import annotations

from pydsl_proxy import MiB, exact, server

proxy = (
    server(8080)
    .limit_body(10 * MiB)
    # The module lies beside this file; in at most four threads.
    .location("/")
    .wsgi("shop:app", threads=4)
    .location(exact("/healthz"))
    .respond(200, "ok\n")
)
