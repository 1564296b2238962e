"""Tests of refused requests in a log."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.observe.unparsed import Refused
from tests.observe.doubles import refused


class RefusedTests(SynchronousTestCase):
    """A request that was refused before there was one."""

    def test_line(self) -> None:
        """A line that can be read tells method, target and version, another nothing (as in nginx 1.22.1)."""
        for line, parts in (
            (b"GET /a HTTP/1.1", (b"GET", b"/a", 1)),
            (b"get http://x/a HTTP/1.0", (b"get", b"http://x/a", 0)),
            (b"GET /a b HTTP/1.1", (b"", b"", -1)),
            (b"GET /a HTTP/2.0", (b"GET", b"/a", 2)),
            (b"GET /a HTTP/3.0", (b"", b"", -1)),
            (b"GET /a\xe4 HTTP/1.1", (b"", b"", -1)),
            (b"\x16\x03\x01", (b"", b"", -1)),
            (b"", (b"", b"", -1)),
        ):
            got = Refused(refused(line))
            self.assertEqual((got.line, got.method, got.target, got.minor), (line, *parts))

    def test_text(self) -> None:
        """As text, too, it has what is known of it."""
        got = Refused(refused(b"GET http://x/a?b HTTP/1.1")).request
        seen = (got.client_address, got.scheme, got.host, got.request_uri, got.header("x"))
        self.assertEqual(seen, ("192.0.2.7", "https", "", "/a?b", ""))
