"""A peer to be run by a WSGI server, in one process; what it answers is told in ``tests/integration/peers.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

KEPT: dict[str, bytes] = {}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    fields = [("X-Peer-Connection", str(environ["REMOTE_PORT"]))]
    if path == "/slow":
        start_response("200 OK", [*fields, ("Content-Length", "3000")])
        return late()
    if path == "/chunked":
        start_response("200 OK", fields)
        return iter((b"one ", b"two ", b"three"))
    status, body = "200 OK", b""
    if method == "PUT":
        status, KEPT[path] = "201 Created", environ["wsgi.input"].read()
    elif method == "POST":
        body = environ["wsgi.input"].read()
    elif path == "/hello":
        body = b"hello\n"
    elif path == "/error":
        status, body = "503 Service Unavailable", b"out of order\n"
    elif path == "/tagged":
        fields.append(("ETag", '"v1"'))
        if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
            start_response("304 Not Modified", fields)
            return ()
        body = b"tagged\n"
    else:
        body = KEPT[path]
    start_response(status, [*fields, ("Content-Length", str(len(body)))])
    return () if method == "HEAD" else (body,)


def late() -> Iterator[bytes]:
    """Half of it late."""
    yield b"s" * 1500
    sleep(0.4)
    yield b"s" * 1500
