"""Request targets that are made of texts and values: where a redirect inside the proxy leads."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import Composed, Text, Value, ValueFunction, as_bytes
from pydsl_proxy.wire.http.uri import BadPath, climbs, escape, visible

# Values that are as they came in a target, in which they may stand again.
_ENCODED = ("request_uri", "query_string", "scheme", "host", "server_port")


def as_target(value: ValueFunction) -> Callable[[Request], bytes]:
    """The function that makes a target of *value*.

    The text of the configuration stands as it is, and so do parts of the client's own target.  Other values are
    escaped, as they are decoded texts: a ``%2F`` or ``?`` in them means itself.  One with a segment ``..``, which would
    lead out of what stands before it, raises :class:`~pydsl_proxy.wire.http.uri.BadPath`.
    """
    if isinstance(value, Text):
        pieces = [_piece(part) for part in value.parts]
    elif isinstance(value, Value) and not isinstance(value, Composed):
        pieces = [_piece(value)]
    else:
        # A function, or a table, gives the whole target as it is to be.
        read = as_bytes(value)
        return lambda request: visible(read(request))
    return lambda request: b"".join([piece(request) for piece in pieces])


def _piece(part: str | Value) -> Callable[[Request], bytes]:
    read = as_bytes(part)
    if isinstance(part, str):
        fixed = visible(part.encode("utf-8", "surrogateescape"))
        return lambda request: fixed
    if part.name in _ENCODED:
        return lambda request: visible(read(request))

    def escaped(request: Request) -> bytes:
        octets = read(request)
        if climbs(octets):
            raise BadPath("a value leads out of the target that it stands in")
        return escape(octets)

    return escaped
