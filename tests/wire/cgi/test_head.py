"""Tests of heads as scripts write them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.cgi.head import head_end, read_cgi_head
from pydsl_proxy.wire.http.grammar import Malformed


class EndTests(SynchronousTestCase):
    """Where a head ends."""

    def test_ends(self) -> None:
        """At an empty line, whether lines end with LF or CRLF."""
        for data, head, body in (
            (b"A: b\r\n\r\nbody", b"A: b", b"body"),
            (b"A: b\n\nbody", b"A: b", b"body"),
            (b"A: b\r\n\nbody", b"A: b", b"body"),
            (b"A: b\n\r\nbody", b"A: b", b"body"),
            (b"A: b\nC: d\n\n\n\n", b"A: b\nC: d", b"\n\n"),
        ):
            found = head_end(data)
            assert found is not None
            self.assertEqual((data[: found[0]], data[found[1] :]), (head, body))

    def test_none(self) -> None:
        """Before that there is none."""
        for data in (b"", b"A: b", b"A: b\r\n", b"A: b\r\n\r", b"A: b\nC"):
            self.assertIsNone(head_end(data))


class HeadTests(SynchronousTestCase):
    """What a head says."""

    def test_status(self) -> None:
        """That of the field, which is not passed on; a phrase may be there or not."""
        for line, status, reason in (
            (b"Status: 404 Not Here", 404, b"Not Here"),
            (b"status:404", 404, b"Not Found"),
            (b"Status: 599\t", 599, b""),
            (b"Status: 700 Odd", 700, b"Odd"),
        ):
            head = read_cgi_head(b"A: b\r\n" + line + b"\r\nC: d")
            self.assertEqual((head.status, head.reason, head.raw), (status, reason, b"\r\nA: b\r\nC: d"))

    def test_without(self) -> None:
        """200, or 302 beside a Location."""
        self.assertEqual(read_cgi_head(b"Content-Type: text/html").status, 200)
        head = read_cgi_head(b"Location: /elsewhere")
        self.assertEqual((head.status, head.marked), (302, True))
        self.assertEqual(read_cgi_head(b"Location: /new\nStatus: 201 Created").status, 201)

    def test_lines(self) -> None:
        """LF becomes CRLF."""
        self.assertEqual(read_cgi_head(b"A: b\nC: d\r\nE: f").raw, b"\r\nA: b\r\nC: d\r\nE: f")

    def test_length(self) -> None:
        """A declared one is understood, as is what steers the proxy."""
        head = read_cgi_head(b"Content-Length: 12\nX-Accel-Redirect: /a")
        self.assertEqual((head.length, head.marked), (12, True))

    def test_status_line(self) -> None:
        """uWSGI begins with one; PHP does not."""
        head = read_cgi_head(b"HTTP/1.0 404 Nothing\r\nA: b", status_line=True)
        self.assertEqual((head.status, head.reason, head.raw), (404, b"Nothing", b"\r\nA: b"))
        self.assertEqual(read_cgi_head(b"Status: 404", status_line=True).status, 404)
        with self.assertRaises(Malformed):
            read_cgi_head(b"HTTP/1.1 200 OK\r\nA: b")

    def test_malformed(self) -> None:
        """What has no single reading."""
        for head in (
            b"",
            b"no colon",
            b"A : b",
            b"A: b\n folded",
            b"A: b\rC: d",
            b"A: \0",
            b"Status: 200\nStatus: 404",
            b"Status: OK",
            b"Status: 20",
            b"Status: 099",
            b"Status: 100 Continue",
            b"Status: 200OK",
            b"Content-Length: 1\nContent-Length: 2",
            b"Content-Length: -1",
            b"Transfer-Encoding: chunked",
        ):
            with self.assertRaises(Malformed, msg=head):
                read_cgi_head(head)
        for head in (b"HTTP/1.1 101 Switching\nUpgrade: x", b"HTTP/2 200", b"HTTP/1.1 OK"):
            with self.assertRaises(Malformed, msg=head):
                read_cgi_head(head, status_line=True)
