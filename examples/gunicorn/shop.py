"""A WSGI application, as Django's or Flask's is one for Gunicorn."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Tell who asked."""
    told = {
        "process": os.getpid(),
        # REMOTE_ADDR is the proxy's; Gunicorn does not change it.  Flask: ProxyFix(app, x_for=1, x_proto=1, x_host=1),
        # then request.remote_addr.  Django has the address in request.META["HTTP_X_REAL_IP"].
        "address": environ["HTTP_X_REAL_IP"],
        # Gunicorn has made it of X-Forwarded-Proto, since it trusts 127.0.0.1.
        "scheme": environ["wsgi.url_scheme"],
        # The client's Host comes through.  Django: ALLOWED_HOSTS; there is no need for USE_X_FORWARDED_HOST.
        "host": environ["HTTP_HOST"],
        "received": len(environ["wsgi.input"].read()),
    }
    body = json.dumps(told).encode() + b"\n"
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
