"""The opening handshake of WebSockets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.head import Fields
from pydsl_proxy.wire.websocket import (
    MAX_OFFERS,
    accept_of,
    accepted_extension,
    deflate_offers,
    offered_subprotocols,
)
from tests.support.cost import ONE_MILLISECOND, instructions

SIZE = 30_000
DEFLATE = b"permessage-deflate"


class AcceptTests(SynchronousTestCase):
    """What proves that a key was read."""

    def test_example(self) -> None:
        """The example of RFC 6455 1.3."""
        self.assertEqual(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")


class ListTests(SynchronousTestCase):
    """What the fields of a handshake list."""

    def test_subprotocols(self) -> None:
        """They are in the client's order, in one field or several; empty members are none (RFC 9110 5.6.1)."""
        fields = Fields(b"\r\nSec-WebSocket-Protocol: , a,\tb c ,,\r\nsec-websocket-protocol:d , a")
        self.assertEqual(offered_subprotocols(fields), [b"a", b"b c", b"d", b"a"])
        self.assertEqual(offered_subprotocols(Fields(b"\r\nSec-WebSocket-Protocol: ,")), [])
        self.assertEqual(offered_subprotocols(Fields(b"\r\nSec-WebSocket-Protocol: a\x85b, \xff, c")), [b"c"])
        self.assertEqual(offered_subprotocols(Fields(b"\r\nHost: a")), [])

    def test_offers(self) -> None:
        """Those of permessage-deflate, in any case and with parameters that it can have (RFC 7692 7.1)."""
        offers = b'x-webkit, PerMessage-Deflate ; server_max_window_bits="10";a , permessage-deflater,' + DEFLATE
        self.assertEqual(
            deflate_offers(offers), [b'PerMessage-Deflate ; server_max_window_bits="10";a', b"permessage-deflate"]
        )
        for none in (b"", b",", b"x; permessage-deflate", DEFLATE + b"; a=b", DEFLATE + b";a" * 5, DEFLATE + b" a"):
            self.assertEqual(deflate_offers(none), [])
        self.assertEqual(len(deflate_offers(b",".join([DEFLATE] * (MAX_OFFERS + 1)))), MAX_OFFERS)

    def test_accepted(self) -> None:
        """A peer accepts one extension or none."""
        self.assertEqual(accepted_extension(b" , "), b"")
        self.assertEqual(accepted_extension(b", permessage-deflate; a=1 ,"), b"permessage-deflate; a=1")
        for other in (b"x", b"permessage-deflate, x", b"permessage-deflate, permessage-deflate"):
            self.assertIsNone(accepted_extension(other))

    def test_cost(self) -> None:
        """No list, however long and of whatever, costs a step for each member."""
        for part in (b",", b" ", b" ,", b"a,", b"a ", b";", DEFLATE + b",", DEFLATE + b";a,", DEFLATE + b" ", b'=1"'):
            value = part * (SIZE // len(part))
            fields = Fields(b"\r\nSec-WebSocket-Protocol: " + value)
            for call in (
                lambda fields=fields: offered_subprotocols(fields),
                lambda value=value: deflate_offers(value),
                lambda value=value: deflate_offers(DEFLATE + value),
                lambda value=value: accepted_extension(DEFLATE + value),
            ):
                self.assertLess(instructions(call), ONE_MILLISECOND / 20, part)
