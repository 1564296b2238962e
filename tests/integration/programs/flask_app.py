"""A Flask application to run inside the proxy; what it answers is told in ``tests/integration/app_contract.py``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from threading import Event

from flask import Flask, Response, request

app = Flask(__name__)
GO = Event()
CLOSED: list[str] = []


@app.get("/where")
def where() -> str:
    """Where it stands, and who asks."""
    return f"{request.script_root} {request.path} {request.args.get('q')} {request.remote_addr} {request.scheme}"


@app.post("/echo")
def echo() -> str:
    """What was sent, piece by piece."""
    digest, size = hashlib.sha256(), 0
    while piece := request.stream.read(1 << 16):
        digest.update(piece)
        size += len(piece)
    return f"{size} {digest.hexdigest()}"


@app.post("/form")
def form() -> str:
    """A field of a form."""
    return request.form["name"]


@app.get("/flood/<int:size>")
def flood(size: int) -> Response:
    """So many bytes, in pieces of 64 KiB."""

    def pieces() -> Iterator[bytes]:
        try:
            for _ in range(size >> 16):
                yield bytes(1 << 16)
        finally:
            CLOSED.append("flood")

    return Response(pieces(), mimetype="application/octet-stream")


@app.get("/ticks")
def ticks() -> Response:
    """One piece at once, the other when ``/go`` was asked for."""

    def pieces() -> Iterator[bytes]:
        yield b"one "
        GO.wait(20)
        yield b"two"

    return Response(pieces(), mimetype="text/plain")


@app.get("/go")
def go() -> str:
    """Let it go on."""
    GO.set()
    return "gone"


@app.get("/closed")
def closed() -> str:
    """How many floods have ended."""
    return str(len(CLOSED))


@app.get("/raise")
def raises() -> str:
    """No answer."""
    raise ZeroDivisionError


@app.get("/raise/late")
def raises_late() -> Response:
    """Half an answer."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    return Response(pieces())
