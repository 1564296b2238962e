"""WebSockets on a stream of HTTP/2 (RFC 8441): as an Upgrade of HTTP/1.1 for all who look at them, and back."""

from __future__ import annotations

import os
from base64 import b64encode

from pydsl_proxy.wire.http.field_rules import FieldRules, cut, spans_of
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http2.hpack_literals import literal
from pydsl_proxy.wire.http2.response_block import write_section
from pydsl_proxy.wire.websocket import TOKEN

# RFC 8441 5: the two ends of a stream have no use for them.
_ACCEPT, _KEY = b"sec-websocket-accept", b"sec-websocket-key"


def as_upgrade(section: bytes, protocol: bytes) -> bytes:
    """The section of a GET that asks to switch to *protocol*, with a key of its own (RFC 6455 4.1).

    Raises Malformed if that is no WebSocket: RFC 9220 3, of the same over HTTP/3, recommends 501.
    """
    if protocol != TOKEN:
        raise Malformed("CONNECT asks for a protocol other than websocket", 501)
    section = cut(section, spans_of(section, _KEY))
    return b"%b\r\nconnection: Upgrade\r\nupgrade: %b\r\n%b: %b" % (section, TOKEN, _KEY, b64encode(os.urandom(16)))


def granted_block(response: ResponseHead, rules: FieldRules, added: bytes) -> bytes:
    """The header block for a 101: 200, without what is about connections of HTTP/1.1 (RFC 8441 5)."""
    section = rules.edit(response, response.named | {_ACCEPT, b"content-length"}) + added
    return literal(b":status", b"200") + write_section(section)
