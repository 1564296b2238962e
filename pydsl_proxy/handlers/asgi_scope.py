"""The connection scope of an ASGI application: "HTTP Connection Scope" of its specification."""

from __future__ import annotations

from pydsl_proxy.handlers.applications import Shown
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.wire.uri import split_target

# As the specification spells them, by the number that exchanges know them by.
_HTTP_VERSIONS = ("1.0", "1.1", "2")

# 2.4: what is sent to a client that has left raises OSError.
VERSION = {"version": "3.0", "spec_version": "2.4"}


def http_scope(exchange: Exchange, shown: Shown, paths: tuple[bytes, bytes]) -> dict[str, object]:
    """All of it but ``state``; ``path`` is the whole path, of which ``root_path`` is the beginning."""
    identity, (root_path, below) = exchange.identity, paths
    raw_path, query = split_target(exchange.peer_target)
    extensions: dict[str, object] = {"http.response.trailers": {}} if exchange.minor else {}
    return {
        "type": "http",
        "asgi": dict(VERSION),
        "http_version": _HTTP_VERSIONS[exchange.minor],
        "method": exchange.method.decode("latin-1").upper(),
        "scheme": identity.scheme,
        "path": (root_path + below).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query or b"",
        "root_path": root_path.decode("utf-8", "replace"),
        "headers": list(shown.fields(exchange)),
        "client": None if identity.address == "unix:" else (identity.address, identity.port),
        "server": (identity.server_address, identity.server_port) if identity.server_address else None,
        "extensions": extensions,
    }
