"""The opening handshake of WebSockets over HTTP/1.1 (RFC 6455 4): who asks for one, and what grants it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha1
from itertools import islice
from typing import Final

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import Fields, RequestHead, ResponseHead

TOKEN = b"websocket"
#: What two ends agree on, and a bridge between them anew with each.
NEGOTIATED = frozenset(
    (
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
    )
)
# RFC 6455 1.3.
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# RFC 6455 4.1: sixteen bytes in base64.
_is_key = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==").fullmatch
# RFC 7692 7.1 has four parameters, each at most once.
_OFFER = rb"permessage-deflate(?:[ \t]*+;[ \t]*+[a-z_]++(?:[ \t]*+=[ \t]*+\"?[0-9]++\"?)?){0,4}"
_offers = re.compile(rb",[ \t]*+(%b)[ \t]*+(?=,|\Z)" % _OFFER, re.IGNORECASE).finditer
_is_one_offer = re.compile(rb"[, \t]*+(%b)[, \t]*+" % _OFFER, re.IGNORECASE).fullmatch
#: How many offers of permessage-deflate of one client are looked at; browsers make one.
MAX_OFFERS: Final = 8


def asks_for_websocket(head: RequestHead) -> bool:
    """Whether the request asks to go on as a WebSocket, and as nothing else.

    nginx sends any token in Upgrade on once it sends one, ``h2c`` too, past all its locations (nginx issue 1472).
    """
    fields = head.fields
    return (
        fields.upgrade is not None
        and fields.upgrade.lower() == TOKEN
        and b"upgrade" in fields.named
        and head.minor >= 1
    )


def fault_of_request(head: RequestHead) -> tuple[int, str] | None:
    """The status and the reason to refuse a request that asks for a WebSocket; None if there is none."""
    fields = head.fields
    if head.method != b"GET" or fields.content_length or fields.chunked:
        return 400, "a WebSocket is asked for by GET without a body"
    if fields.all(b"sec-websocket-version") != [b"13"]:
        return 426, "the version of WebSocket is not 13"
    keys = fields.all(b"sec-websocket-key")
    if len(keys) != 1 or _is_key(keys[0]) is None:
        return 400, "Sec-WebSocket-Key is not sixteen bytes in base64"
    return None


def fault_of_switch(request: Fields, response: ResponseHead) -> str | None:
    """What is wrong with a 101 that answers *request*; None if it grants the WebSocket (RFC 6455 4.1)."""
    if response.minor == 0 or b"upgrade" not in response.named:
        return "switched protocols without Connection: upgrade"
    if [value.lower() for value in response.all(b"upgrade")] != [TOKEN]:
        return "switched to a protocol that was not asked for"
    key = request.get(b"sec-websocket-key") or b""
    if response.all(b"sec-websocket-accept") != [accept_of(key)]:
        return "granted a WebSocket with a wrong Sec-WebSocket-Accept"
    return None


def offered_subprotocols(request: Fields) -> list[bytes]:
    """What the client's Sec-WebSocket-Protocol fields list, in its order of preference."""
    members = map(bytes.strip, (request.get(b"sec-websocket-protocol") or b"").split(b","))
    # RFC 9110 5.6.1: empty members are none; RFC 6455 4.1: nor are those that are not ASCII.
    return list(filter(bytes.isascii, filter(None, members)))


def deflate_offers(extensions: bytes) -> list[bytes]:
    """The first offers of permessage-deflate that Sec-WebSocket-Extensions lists, at most MAX_OFFERS.

    An offer with a parameter that RFC 7692 cannot have is none.
    """
    return [found[1] for found in islice(_offers(b"," + extensions), MAX_OFFERS)]


def accepted_extension(extensions: bytes) -> bytes | None:
    """What a peer has accepted, empty if it is nothing; None if it is not permessage-deflate alone."""
    if not extensions.strip(b", \t"):
        return b""
    found = _is_one_offer(extensions)
    return None if found is None else found[1]


def granted_anew(response: ResponseHead, section: bytes) -> ResponseHead:
    """The head of a 101 with *section* in the place of its own Sec-WebSocket fields."""
    spans = [span for name in NEGOTIATED for span in spans_of(response.lower, name)]
    made = ResponseHead(response.status, response.reason, cut(response.raw, spans) + section, None, response.minor)
    made.named = response.named
    return made


def accept_of(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that proves that *key* was read."""
    return b64encode(sha1(key + _MAGIC, usedforsecurity=False).digest())
