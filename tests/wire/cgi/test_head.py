"""Tests of heads as scripts write them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.cgi.head import check_cgi_start, head_end, read_cgi_head
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
            (b"\n\nbody", b"", b"body"),
            (b"\r\n\r\nbody", b"", b"body"),
            (b"\n\n\r\n", b"", b"\r\n"),
        ):
            found = head_end(data)
            assert found is not None
            self.assertEqual((data[: found[0]], data[found[1] :]), (head, body))

    def test_none(self) -> None:
        """Before that there is none."""
        for data in (b"", b"A: b", b"A: b\r\n", b"A: b\r\n\r", b"A: b\nC"):
            self.assertIsNone(head_end(data))


class StartTests(SynchronousTestCase):
    """What may be the start of a head."""

    def refused(self, data: bytes, status_line: bool = False) -> str:
        """Why it cannot be, or nothing."""
        try:
            check_cgi_start(data, status_line=status_line)
        except Malformed as error:
            return error.detail
        return ""

    def test_any_cut(self) -> None:
        """Wherever a head is cut it may go on, however its lines end."""
        for end in (b"\n", b"\r\n"):
            plain = end.join((b"Status: 404 Not Here", b"A: b", b"C:", b"Transfer-Encoding: chunked", b""))
            for head, status_line in ((plain, False), (plain, True), (b"HTTP/1.1 200 OK" + end + b"A: b" + end, True)):
                for size in range(len(head) + 1):
                    self.assertEqual(self.refused(head[:size], status_line), "", head[:size])

    def test_refused(self) -> None:
        """The first line that is no field is refused before its end, and a field before it too, once it has its end."""
        first, later = "it does not begin with a header field", "a header line is malformed"
        for data, status_line, detail in (
            (b" ", False, first),
            (b"<html>", False, first),
            (b"A b", False, first),
            (b"A: \0", False, first),
            (b"HTTP/1.1 200 OK", False, first),
            (b"HTTP/2", True, first),
            (b"HTTP/2 200", True, first),
            (b"XTTP/1.1 200 OK", True, first),
            (b"\n", False, "there is no header field"),
            (b"\nA: b", False, "there is no header field"),
            (b"\r\nA: b", False, "there is no header field"),
            (b"A: b\n ", False, later),
            (b"A: b\n<html>", False, later),
            (b"A: b\r\n<html>", False, later),
            (b"HTTP/1.1 200 OK\n<html>", True, later),
            (b"HTTP/1.1 200 OK\nA: b\nHTTP/1.1 200", True, later),
            (b"Status: 100\n", False, "the status 100 is not final"),
            (b"Status: OK\nA", False, "the Status is not understood"),
        ):
            self.assertEqual(self.refused(data, status_line), detail, data)
        self.assertRaises(Malformed, check_cgi_start, b"HTTP/1.1 200 OK")


class HeadTests(SynchronousTestCase):
    """What a head says."""

    def test_status(self) -> None:
        """That of the field, which is not passed on; a phrase may be there or not."""
        for line, status, reason in (
            (b"Status: 404 Not Here", 404, b"Not Here"),
            (b"status:404", 404, b"Not Found"),
            (b"Status: 599\t", 599, b""),
            (b"Status: 700 Odd", 700, b"Odd"),
            (b"Status: 200", 200, b"OK"),
            (b"Status: 201 \t Made", 201, b"Made"),
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
