"""The opening handshake of WebSockets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.websocket import accept_of


class AcceptTests(SynchronousTestCase):
    """What proves that a key was read."""

    def test_example(self) -> None:
        """The example of RFC 6455 1.3."""
        self.assertEqual(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
