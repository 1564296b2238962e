"""An application as of Django's lineage, to be run by a WSGI server with one worker that serves one client at a time.

- ``/download``: sends the client to ``/protected/report.txt``, with what it says of the file;
- ``/to/PATH``: to another path;
- ``/second``: says something else of something else;
- ``/large/BYTES``: a large response;
- any other path: ``hello``, or how many bytes of a body it was sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

SAID = [
    ("Content-Type", "application/pdf"),
    ("Content-Disposition", "attachment; filename=report.pdf"),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=1"),
    ("Cache-Control", "private"),
    ("Expires", "Thu, 01 Jan 2032 00:00:00 GMT"),
    ("Accept-Ranges", "bytes"),
    ("ETag", '"of the page"'),
    ("X-Powered-By", "steering"),
]


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application."""
    path = environ["PATH_INFO"]
    if path == "/download" or path.startswith("/to/"):
        target = "/protected/report.txt" if path == "/download" else path[3:]
        start_response("200 OK", [*SAID, ("X-Accel-Redirect", target), ("Content-Length", "4")])
        return [b"page"]
    if path == "/second":
        fields = [("Content-Type", "text/second"), ("Set-Cookie", "s=2"), ("ETag", '"second"')]
        start_response("200 OK", [*fields, ("Content-Length", "3")])
        return [environ["REQUEST_METHOD"].encode()]
    if path.startswith("/large/"):
        size = int(path.rpartition("/")[2])
        start_response("200 OK", [("Content-Length", str(size))])
        return (bytes(1 << 16) for _ in range(size >> 16))
    body = b"hello"
    if environ["REQUEST_METHOD"] == "POST":
        body = b"%d" % len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
