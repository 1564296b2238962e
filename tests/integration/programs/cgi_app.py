"""An application of WSGI that tells what it was told; it needs nothing but the standard library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Protocol

Environ = dict[str, object]


class Readable(Protocol):
    """The body."""

    def read(self, most: int = ..., /) -> bytes:
        """Some of it."""


def application(environ: Environ, start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """``/upload``: the digest of the body; ``/large``: a hundred times a million bytes; else: the variables."""
    path = environ.get("PATH_INFO")  # nginx's scgi_params have none
    if path == "/large":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return (b"0123456789" * 100_000 for _ in range(100))
    if path == "/upload":
        body: Readable = environ["wsgi.input"]  # type: ignore[assignment]  # as PEP 3333 has it
        digest = sha256()
        while piece := body.read(65536):
            digest.update(piece)
        answer, status = digest.hexdigest().encode(), "200 OK"
    else:
        shown = {name: value for name, value in environ.items() if isinstance(value, str)}
        answer, status = json.dumps(shown).encode(), "404 Not Here" if path == "/none" else "200 OK"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]
