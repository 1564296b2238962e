"""The protocols of requests, by the ``minor`` of their heads."""

from __future__ import annotations

from typing import Final

#: HTTP/2 has no minor version (RFC 9113) and takes the place after those of HTTP/1.
HTTP_2: Final = 2

#: A connection that is passed on as it is: nothing was read as HTTP.
STREAM: Final = -2

#: As nginx's ``$server_protocol``; the last are for :data:`STREAM`, and for -1: no request could be read.
PROTOCOLS: Final = ("HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "TCP", "")
