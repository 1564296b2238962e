"""The connection scopes of an ASGI application, as its specification has them."""

from __future__ import annotations

from pydsl_proxy.handlers.applications.fields import Shown
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.wire.http.uri import split_target
from pydsl_proxy.wire.websocket import offered_subprotocols

# As the specification spells them, by the number that exchanges know them by.
_HTTP_VERSIONS = ("1.0", "1.1", "2")

# 2.4: what is sent to a client that has left raises OSError.
VERSION = {"version": "3.0", "spec_version": "2.4"}


def http_scope(exchange: Exchange, shown: Shown, paths: tuple[bytes, bytes]) -> dict[str, object]:
    """Of a request; all of it but ``state``."""
    scope = _scope("http", exchange, shown, paths)
    scope["method"] = exchange.method.decode("latin-1").upper()
    scope["scheme"] = exchange.identity.scheme
    scope["extensions"] = {"http.response.trailers": {}} if exchange.minor else {}
    return scope


def websocket_scope(exchange: Exchange, shown: Shown, paths: tuple[bytes, bytes]) -> dict[str, object]:
    """Of a WebSocket; all of it but ``state``."""
    scope = _scope("websocket", exchange, shown, paths)
    scope["scheme"] = "wss" if exchange.identity.scheme == "https" else "ws"
    offered = offered_subprotocols(exchange.fields)
    # In one piece: a list may have thousands of members.
    scope["subprotocols"] = b",".join(offered).decode("latin-1").split(",") if offered else []
    scope["extensions"] = {"websocket.http.response": {}}
    return scope


def _scope(kind: str, exchange: Exchange, shown: Shown, paths: tuple[bytes, bytes]) -> dict[str, object]:
    """What both have; ``path`` is the whole path, of which ``root_path`` is the beginning."""
    identity, (root_path, below) = exchange.identity, paths
    raw_path, query = split_target(exchange.peer_target)
    return {
        "type": kind,
        "asgi": dict(VERSION),
        "http_version": _HTTP_VERSIONS[exchange.minor],
        "path": (root_path + below).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query or b"",
        "root_path": root_path.decode("utf-8", "replace"),
        "headers": list(shown.fields(exchange)),
        "client": None if identity.address == "unix:" else (identity.address, identity.port),
        "server": (identity.server_address, identity.server_port) if identity.server_address else None,
    }
