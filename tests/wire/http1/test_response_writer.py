"""Tests of the heads that clients are sent."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.framing import Framing
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.hop_by_hop import RESPONSE_DROPPED
from pydsl_proxy.wire.http1.reader import read_response_head
from pydsl_proxy.wire.http1.response_writer import MAX_EDITED, error_page, own_response, response_head, usual_head

RULES = FieldRules(
    [(b"x-powered-by", b"X-Powered-By", None), (b"b", b"B", "1")], RESPONSE_DROPPED | {b"transfer-encoding"}
)


def head(*lines: bytes) -> ResponseHead:
    """A peer's head."""
    return read_response_head(b"\r\n".join(lines))


class UsualTests(SynchronousTestCase):
    """A response of declared length on a connection that stays."""

    def test_usual(self) -> None:
        """It loses what ends here or is hidden, gains what is set, and is made once."""
        response = head(
            b"HTTP/1.1 200 Fine", b"Content-Length: 2", b"Date: x", b"x-powered-by: y", b"Connection: A", b"A: z"
        )
        made = usual_head(response, RULES)
        self.assertEqual(made, b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nDate: x\r\nB: 1")
        self.assertIs(usual_head(response, RULES), made)
        self.assertNotEqual(usual_head(response, FieldRules()), made)

    def test_bounded(self) -> None:
        """The heads of rules that are in force no more do not pile up."""
        response, kept = head(b"HTTP/1.1 200 OK", b"Content-Length: 2", b"Date: x"), []
        for _ in range(3 * MAX_EDITED):
            usual_head(response, FieldRules())
            kept.append(len(response.edited))
        self.assertEqual(max(kept), MAX_EDITED)

    def test_line(self) -> None:
        """It is always of HTTP/1.1, and a missing reason is that of the status."""
        self.assertEqual(usual_head(head(b"HTTP/1.0 404"), FieldRules()), b"HTTP/1.1 404 Not Found")
        self.assertEqual(usual_head(head(b"HTTP/1.1 299"), FieldRules()), b"HTTP/1.1 299 ")


class UnusualTests(SynchronousTestCase):
    """How the end of the body is told."""

    def test_framing(self) -> None:
        """By a length if there is one; else in chunks, to HTTP/1.0 by the close."""
        length, chunked, bare = (b"Content-Length: 2", b"Transfer-Encoding: chunked", b"A: b")
        for field, method, minor, last, framing, told in (
            (length, b"GET", 1, False, Framing.LENGTH, b""),
            (length, b"GET", 1, True, Framing.LENGTH, b"\r\nConnection: close"),
            (length, b"GET", 0, False, Framing.LENGTH, b"\r\nConnection: keep-alive"),
            (length, b"GET", 0, True, Framing.LENGTH, b"\r\nConnection: close"),
            (chunked, b"GET", 1, False, Framing.CHUNKED, b"\r\nTransfer-Encoding: chunked"),
            (chunked, b"GET", 1, True, Framing.CHUNKED, b"\r\nTransfer-Encoding: chunked\r\nConnection: close"),
            (chunked, b"GET", 0, False, Framing.CLOSE, b"\r\nConnection: close"),
            (bare, b"GET", 1, False, Framing.CHUNKED, b"\r\nTransfer-Encoding: chunked"),
            (bare, b"GET", 0, False, Framing.CLOSE, b"\r\nConnection: close"),
            (length, b"HEAD", 1, False, Framing.NONE, b""),
            (chunked, b"HEAD", 1, False, Framing.NONE, b""),
            (chunked, b"HEAD", 0, False, Framing.NONE, b"\r\nConnection: keep-alive"),
        ):
            made, kind = response_head(head(b"HTTP/1.1 200 OK", field), RULES, method, minor, last, b"\r\nDate: x")
            field = b"" if field is chunked else b"\r\n" + field
            self.assertEqual(made, b"HTTP/1.1 200 OK" + field + b"\r\nB: 1\r\nDate: x" + told + b"\r\n\r\n")
            self.assertIs(kind, framing)

    def test_no_body(self) -> None:
        """A 204 declares no length (RFC 9110 8.6), a 304 that of what it stands for."""
        for status, kept in ((204, b""), (304, b"\r\nContent-Length: 2")):
            response = head(b"HTTP/1.1 %d X" % status, b"Content-Length: 2")
            made, kind = response_head(response, FieldRules(), b"GET", 1, False, b"")
            self.assertEqual((made, kind), (b"HTTP/1.1 %d X%b\r\n\r\n" % (status, kept), Framing.NONE))

    def test_read_again(self) -> None:
        """What is written is read the same."""
        response = head(b"HTTP/1.1 404 Gone fishing", b"A: b", b"Content-Length: 7", b"C:")
        made, _ = response_head(response, FieldRules(), b"GET", 1, False, b"")
        again = read_response_head(made.removesuffix(b"\r\n\r\n"))
        self.assertEqual((again.status, again.reason, again.raw), (404, b"Gone fishing", response.raw))
        self.assertEqual(again.length, 7)


class OwnTests(SynchronousTestCase):
    """Responses of our own."""

    def test_own(self) -> None:
        """They have a length and say who made them, unless that is said already."""
        response = own_response(200, b"ok", ((b"A", b"b"),))
        self.assertEqual(response.raw, b"\r\nA: b\r\nServer: pydsl_proxy\r\nContent-Length: 2")
        self.assertEqual((response.length, response.reason, response.dated), (2, b"OK", False))
        response = own_response(200, b"", ((b"SERVER", b"me"), (b"Date", b"x")))
        self.assertEqual(response.raw, b"\r\nSERVER: me\r\nDate: x\r\nContent-Length: 0")
        self.assertTrue(response.dated)

    def test_no_body(self) -> None:
        """What has no body declares no length."""
        response = own_response(304, b"ignored")
        self.assertEqual((response.raw, response.length), (b"\r\nServer: pydsl_proxy", None))

    def test_error_page(self) -> None:
        """An error's page tells the status and nothing else."""
        body, fields = error_page(502)
        self.assertEqual((body, fields), (b"502 Bad Gateway\n", ((b"Content-Type", b"text/plain; charset=utf-8"),)))
