"""Tests of header fields as variables."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.cgi.fields import http_params


class FieldTests(SynchronousTestCase):
    """RFC 3875 4.1.18."""

    def test_names(self) -> None:
        """Upper case, a hyphen becomes an underscore; values lose the blanks around them."""
        _, pairs = http_params(b"\r\nHost: a.test\r\nx-One-Two:3\t\r\nEmpty:")
        self.assertEqual(pairs, [(b"HTTP_HOST", b"a.test"), (b"HTTP_X_ONE_TWO", b"3"), (b"HTTP_EMPTY", b"")])

    def test_httpoxy(self) -> None:
        """No client sets HTTP_PROXY, in no spelling."""
        for name in (b"Proxy", b"proxy", b"PROXY"):
            self.assertEqual(http_params(b"\r\n" + name + b": http://evil.test")[1], [])

    def test_other_characters(self) -> None:
        """A name that is no variable's is left out: X.Y, X_Y and X-Y are not to be mixed up."""
        self.assertEqual(http_params(b"\r\nX.Y: 1\r\nX_Y: 2\r\nX!Y: 3\r\nX-Y: 4")[1], [(b"HTTP_X_Y", b"4")])

    def test_body(self) -> None:
        """What is told of the body has names of its own, and its framing is no property of it."""
        content_type, pairs = http_params(
            b"\r\nContent-Type: text/a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"
        )
        self.assertEqual((content_type, pairs), (b"text/a", []))

    def test_repeated(self) -> None:
        """A field that is repeated is one variable."""
        _, pairs = http_params(b"\r\nX: 1\r\nCookie: a=b\r\nx: 2\r\ncookie: c=d\r\nX: 3")
        self.assertEqual(pairs, [(b"HTTP_X", b"1, 2, 3"), (b"HTTP_COOKIE", b"a=b; c=d")])

    def test_taken(self) -> None:
        """What the configuration sets is not the client's."""
        self.assertEqual(http_params(b"\r\nHost: a\r\nX: 1", {b"HTTP_HOST"})[1], [(b"HTTP_X", b"1")])
