"""A shop as a Flask application would be one, in plain WSGI so that nothing needs to be installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The application: with Flask, ``app = Flask(__name__)``."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"the shop, at {environ['SCRIPT_NAME'] or '/'}\n".encode()]
