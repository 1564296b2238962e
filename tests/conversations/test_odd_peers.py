"""Conversations with peers whose answers are odd, and have one reading all the same."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, scgi, server, upstream, uwsgi
from pydsl_proxy.testing import run
from tests.support.messages import GET, OK, get

APP = upstream("app", "a:1")
CHUNKED = b"HTTP/1.1 200 OK\r\ndate: x\r\ntransfer-encoding: chunked\r\n\r\n"
# As the proxy writes it.
SENT = b"HTTP/1.1 200 OK\r\ndate: x\r\nTransfer-Encoding: chunked\r\n\r\n"
#: Framing that tells nothing clear of a body.
CONTRADICTIONS = (
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ["Content-Length: 5", "Content-Length: 5"],
    ["Content-Length: 5", "Content-Length: 6"],
    ["Content-Length: 5, 5"],
    ["Transfer-Encoding: gzip, chunked"],
)


def head(line: str, *fields: str) -> bytes:
    """The head of a response."""
    return "\r\n".join([f"HTTP/1.1 {line}", *fields, "", ""]).encode()


class WithoutBodyTests(SynchronousTestCase):
    """RFC 9112 6.3 step 1: some responses end with their head, whatever it says."""

    def test_statuses(self) -> None:
        """204 and 304 do; nothing of such framing is passed on, and the peer's connection is not trusted further."""
        for fields in CONTRADICTIONS:
            for line in ("204 No Content", "304 Not Modified"):
                client, peers = run(APP)
                client.sends(GET + GET)
                peers["a:1"].sends(head(line, "A: b", *fields))
                client.expects(head(line, "A: b"))
                peers["a:1"].sends(OK)
                client.expects(OK)
                self.assertEqual(len(peers["a:1"].connections), 2)

    def test_interim(self) -> None:
        """1xx do."""
        for fields in CONTRADICTIONS:
            client, peers = run(APP)
            client.sends(GET)
            peers["a:1"].sends(head("103 Early Hints", "A: b", *fields) + OK)
            client.expects(head("103 Early Hints", "A: b") + OK)

    def test_head(self) -> None:
        """The answer to HEAD does; to GET the same is refused, whichever came first."""
        for fields in CONTRADICTIONS:
            client, peers = run(APP)
            for _ in range(3):
                client.sends(get("/", method="HEAD"))
                peers["a:1"].sends(head("200 OK", "A: b", *fields))
                client.expects(head("200 OK", "A: b"))
                client.sends(GET)
                peers["a:1"].sends(head("200 OK", "A: b", *fields))
                self.assertEqual(client.responses[-1].status, 502)
                client.takes()

    def test_cgi(self) -> None:
        """Applications of CGI's lineage too."""
        for via in (scgi(), uwsgi()):
            for fields in CONTRADICTIONS:
                client, peers = run(upstream("app", "a:1", via=via))
                client.sends(get("/", method="HEAD"))
                peers["a:1"].sends("\r\n".join(["A: b", *fields, "", ""]).encode())
                client.expects(head("200 OK", "A: b"))
                client.sends(GET)
                peers["a:1"].sends("\r\n".join(["Status: 304 Not Modified", "A: b", *fields, "", ""]).encode())
                client.expects(head("304 Not Modified", "A: b"))


class StatusLineTests(SynchronousTestCase):
    """What is a status line."""

    def test_versions(self) -> None:
        """RFC 9110 2.5: any HTTP/1.x from HTTP/1.1 on is read as that; the client is spoken to in HTTP/1.1."""
        for version in (b"HTTP/1.2", b"HTTP/1.9"):
            client, peers = run(APP)
            for _ in range(2):
                client.sends(GET)
                peers["a:1"].sends(OK.replace(b"HTTP/1.1", version))
                client.expects(OK)
            self.assertEqual(len(peers["a:1"].connections), 1)
        for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.10", b"http/1.1"):
            client, peers = run(APP)
            client.sends(GET)
            peers["a:1"].sends(OK.replace(b"HTTP/1.1", version))
            self.assertEqual(client.responses[0].status, 502)

    def test_statuses(self) -> None:
        """One of three digits passes with its number and its reason, though it belongs to no class (RFC 9110 15)."""
        for status in ("600 Odd", "666", "799 A\tB", "999 Request denied"):
            running = run(APP)
            client, peers = running
            client.sends(GET)
            peers["a:1"].sends(OK.replace(b"200 OK", status.encode()))
            self.assertTrue(client.received.startswith(b"HTTP/1.1 " + status.encode()))
            self.assertTrue(client.received.endswith(b"\r\n\r\nok"))
            self.assertEqual(running.exchanges[0].status, int(status[:3]))
            self.assertIn(f" {status[:3]} 2 ", running.log[0])
        for status in ("099", "000", "20", "2000", "2x0"):
            client, peers = run(APP)
            client.sends(GET)
            peers["a:1"].sends(OK.replace(b"200", status.encode()))
            self.assertEqual(client.responses[0].status, 502)

    def test_cgi(self) -> None:
        """So does that of an application of CGI's lineage."""
        client, peers = run(upstream("app", "a:1", via=fastcgi()))
        peers["a:1"].answers(666, b"body")
        client.sends(GET)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 666 "))
        client, peers = run(upstream("app", "a:1", via=uwsgi()))
        client.sends(GET)
        peers["a:1"].sends(OK.replace(b"HTTP/1.1 200 OK", b"HTTP/1.3 799 Odd"))
        client.expects(OK.replace(b"200 OK", b"799 Odd"))


class ChunksTests(SynchronousTestCase):
    """Chunks in a spelling of a peer's own; clients get the proxy's."""

    def test_sizes(self) -> None:
        """Blanks behind the size, and extensions that are none, are passed over."""
        for size in (b"2 ", b"2\t", b"02  \t", b"2;", b"2 ; a b", b'2;a="'):
            client, peers = run(APP)
            client.sends(GET + GET)
            peers["a:1"].sends(CHUNKED + size + b"\r\nok\r\n0 \r\n\r\n")
            client.expects(SENT + b"2\r\nok\r\n0\r\n\r\n")
            peers["a:1"].sends(OK)
            client.expects(OK)
            self.assertEqual(len(peers["a:1"].connections), 1)

    def test_clients(self) -> None:
        """Those of a client are refused: what it sends may be meant to be read in two ways."""
        for size in (b"2 ", b"2\t", b"2;"):
            client, _ = run(APP)
            client.sends(get("/", "transfer-encoding: chunked", method="POST") + size + b"\r\nok\r\n0\r\n\r\n")
            self.assertEqual(client.responses[0].status, 400)

    def test_trailers(self) -> None:
        """A trailer with a blank before its colon is dropped, the others pass."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(CHUNKED + b"2\r\nok\r\n0\r\nX-Sum : 1\r\nX-Other: 2\r\n\r\n")
        client.expects(SENT + b"2\r\nok\r\n0\r\nX-Other: 2\r\n\r\n")

    def test_long_trailers(self) -> None:
        """They have at most 16 KiB, those of a client too."""
        for size, passes in ((16 * 1024, True), (16 * 1024 + 1, False)):
            trailer = b"X: " + b"a" * (size - len(b"\r\nX: "))
            end = b"2\r\nok\r\n0\r\n" + trailer + b"\r\n\r\n"
            client, peers = run(APP)
            client.sends(GET)
            peers["a:1"].sends(CHUNKED + b"2\r\nok\r\n")
            peers["a:1"].sends(end[7:])
            self.assertEqual(client.received == SENT + end, passes)
            client, peers = run(APP)
            client.sends(get("/", "transfer-encoding: chunked", method="POST") + end)
            self.assertEqual(trailer in peers["a:1"].takes(), passes)
            self.assertEqual([each.status for each in client.responses], [] if passes else [431])


class LengthTests(SynchronousTestCase):
    """A declared length has one spelling."""

    def test_zeros(self) -> None:
        """Leading zeros go; the fields keep their order."""
        for method, body in (("GET", b"hello"), ("HEAD", b"")):
            client, peers = run(APP)
            client.sends(get("/", method=method))
            peers["a:1"].sends(head("200 OK", "A: b", "content-length:  005", "C: d") + body)
            client.expects(head("200 OK", "A: b", "content-length: 5", "C: d") + body)

    def test_request(self) -> None:
        """Those of a request too."""
        client, peers = run(APP)
        client.sends(get("/", "Content-Length: 005", method="POST") + b"hello")
        peers["a:1"].expects(get("/", "Content-Length: 5", method="POST") + b"hello")

    def test_cgi(self) -> None:
        """And those of an application of CGI's lineage."""
        client, peers = run(upstream("app", "a:1", via=scgi()))
        client.sends(GET)
        peers["a:1"].sends(b"Content-Length: 005\r\n\r\nhello")
        client.expects(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


class DateTests(SynchronousTestCase):
    """RFC 9110 6.6.1: a response has one Date."""

    def test_of_the_connection(self) -> None:
        """A Date that Connection names ends here: the proxy's takes its place, every time."""
        client, peers = run(APP)
        ours = b"Date: Sun, 09 Sep 2001 01:46:40 GMT"
        for names in (b"Date", b"close, date", b"DATE, x-other"):
            for _ in range(3):
                client.sends(GET)
                peers["a:1"].sends(OK.replace(b"\r\n\r\n", b"\r\nConnection: " + names + b"\r\nDate: theirs\r\n\r\n"))
                client.expects(OK.replace(b"\r\n\r\n", b"\r\n" + ours + b"\r\n\r\n"))

    def test_other_fields(self) -> None:
        """What the proxy writes itself is there once, whatever a peer's Connection names."""
        web = server(80).set_response_header("X-Set", "1").set_response_header("X-Made", lambda request: "2")
        client, peers = run(web.location("/").compress("gzip", min_length=1).proxy_to(APP))
        named = "Connection: x-set, x-made, vary, content-encoding, etag, content-length, transfer-encoding"
        for _ in range(3):
            client.sends(get("/", "accept-encoding: gzip"))
            fields = ["Content-Type: text/plain", "X-Set: 9", "X-Made: 9", "Vary: a", "Content-Length: 2000"]
            peers["a:1"].sends(head("200 OK", named, *fields) + b"a" * 2000)
            got = client.responses[-1].headers
            self.assertEqual(
                (got.all("x-set"), got.all("x-made"), got.all("vary")), (["1"], ["2"], ["a, Accept-Encoding"])
            )
            self.assertEqual(got.all("content-encoding"), ["gzip"])
            self.assertEqual(len(got.all("date")), 1)


class HostTests(SynchronousTestCase):
    """RFC 9110 4.2.1: no http URI has an empty host."""

    def test_empty(self) -> None:
        """A Host without one is refused, as one of a port alone."""
        for host in ("", " ", "\t", " :80", ":80"):
            client, peers = run(APP)
            client.sends(f"GET / HTTP/1.1\r\nHost:{host}\r\n\r\n".encode())
            self.assertEqual(client.responses[0].status, 400, host)
            self.assertEqual(len(peers), 0)
        client, _ = run(APP)
        client.sends(b"GET / HTTP/1.0\r\nHost:\r\n\r\n")
        self.assertEqual(client.responses[0].status, 400)

    def test_absolute(self) -> None:
        """It is refused beside an absolute target too."""
        client, _ = run(APP)
        client.sends(b"GET http://x/ HTTP/1.1\r\nHost:\r\n\r\n")
        self.assertEqual(client.responses[0].status, 400)
