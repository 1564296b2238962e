"""Tests of how a request's head is read where much of it is known already."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.frontends.http1.head import read_fields
from tests.support.h1 import Proxied


class KnownTests(SynchronousTestCase):
    """Header sections that were read before."""

    def setUp(self) -> None:
        """A site without memories."""
        protocol = Proxied().factory.buildProtocol(None)
        self.site = protocol._listening.site

    def test_changing(self) -> None:
        """A field that changes with every request is set apart, and the rest is not read again."""
        reads = [read_fields(self.site, b"\r\nHost: h\r\nX-Request-Id: %d\r\nAccept: x" % at) for at in range(5)]
        self.assertEqual([each.get(b"x-request-id") for each in reads], [b"%d" % at for at in range(5)])
        self.assertIn(b"\r\nHost: h\r\nAccept: x", self.site.memo.young)

    def test_repeated(self) -> None:
        """A section that comes for the third time is the one that was kept."""
        block = b"\r\nHost: h\r\nAccept: x"
        reads = [read_fields(self.site, block) for _ in range(4)]
        self.assertIs(reads[2], reads[3])
        self.assertIsNot(reads[0], reads[1])

    def test_no_host(self) -> None:
        """A section without Host is read each time: what is kept is used without asking for it."""
        for _ in range(4):
            read_fields(self.site, b"\r\nAccept: x")
        self.assertEqual(self.site.memo.young, {})
