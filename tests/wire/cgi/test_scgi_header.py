"""Tests of SCGI's header."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.cgi.scgi_header import header, pair


class HeaderTests(SynchronousTestCase):
    """A netstring."""

    def test_specification(self) -> None:
        """The example of the specification, with the fields that it has."""
        pairs = pair(b"REQUEST_METHOD", b"POST") + pair(b"REQUEST_URI", b"/deepthought")
        self.assertEqual(
            header(pairs, 27),
            b"70:CONTENT_LENGTH\x0027\0SCGI\x001\0REQUEST_METHOD\0POST\0REQUEST_URI\0/deepthought\0,",
        )

    def test_no_body(self) -> None:
        """The length stands there all the same."""
        self.assertEqual(header(b"", 0), b"24:CONTENT_LENGTH\x000\0SCGI\x001\0,")
