"""Tests of WebSockets as streams of HTTP/2 and as upgrades of HTTP/1.1."""

from __future__ import annotations

from hpack import Decoder
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.runtime.site import ALWAYS_DROPPED
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http1.reader import read_request_fields, read_response_head
from pydsl_proxy.wire.http2.websocket import as_upgrade, granted_block
from pydsl_proxy.wire.websocket import fault_of_request
from tests.support.requests import Asked


class UpgradeTests(SynchronousTestCase):
    """What others see of it."""

    def test_section(self) -> None:
        """It asks for a WebSocket as RFC 6455 has it, with a key that nobody has chosen."""
        asked = b"\r\nhost: x\r\nsec-websocket-key: mine\r\nsec-websocket-version: 13"
        one, other = as_upgrade(asked, b"websocket"), as_upgrade(asked, b"websocket")
        assert one != other
        fields = read_request_fields(one, 100)
        assert fields.upgrade == b"websocket" and fields.named == {b"upgrade"}
        assert b"mine" not in one
        assert fault_of_request(Asked(b"GET", b"/", fields)) is None

    def test_other_protocol(self) -> None:
        """Nothing else can be asked for."""
        for protocol in (b"connect-udp", b"WebSocket", b"", b"websocket\r\nx: y"):
            assert self.assertRaises(Malformed, as_upgrade, b"", protocol).status == 501

    def test_granted(self) -> None:
        """A 101 is a 200 without what belongs to HTTP/1.1."""
        response = read_response_head(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Hop\r\nUpgrade: websocket\r\nX-Hop: 1\r\n"
            b"Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\nContent-Length: 0"
        )
        block = granted_block(response, FieldRules((), ALWAYS_DROPPED), b"\r\nX-A: 1")
        assert list(Decoder().decode(block, raw=True)) == [
            (b":status", b"200"),
            (b"sec-websocket-protocol", b"chat"),
            (b"x-a", b"1"),
        ]
