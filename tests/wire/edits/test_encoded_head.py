"""Tests of the heads of encoded bodies."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.edits.encoded_head import encoded, may_be_encoded, not_modified, sized, varied
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.reader import read_request_fields, read_response_head
from tests.support.cost import ONE_MILLISECOND, instructions


def head(*fields: str, status: int = 200) -> ResponseHead:
    """A peer's head."""
    return read_response_head("\r\n".join([f"HTTP/1.1 {status} X", *fields]).encode())


def lines(response: ResponseHead) -> list[str]:
    """Its fields."""
    return response.raw.decode().split("\r\n")[1:]


class MayBeEncodedTests(SynchronousTestCase):
    """What forbids it."""

    def test_status(self) -> None:
        """There must be a body, and the whole of it."""
        statuses = [
            status for status in (200, 201, 203, 204, 206, 207, 304, 404, 500) if may_be_encoded(head(status=status))
        ]
        self.assertEqual(statuses, [200, 201, 203, 207, 404, 500])

    def test_fields(self) -> None:
        """Encoded bodies, ranges, and those with a digest stay as they are."""
        for field in (
            "Content-Encoding: gzip",
            "content-encoding: identity",
            "Content-Encoding:",
            "Content-Range: bytes 0-1/2",
            "Content-MD5: x",
            "Digest: sha-256=x",
            "Content-Digest: sha-256=:x:",
            "Repr-Digest: sha-256=:x:",
        ):
            self.assertFalse(may_be_encoded(head("a: b", field)), field)
        self.assertTrue(may_be_encoded(head("X-Content-Encoding: gzip", "Want-Content-Digest: sha-256=1")))

    def test_no_transform(self) -> None:
        """The directive counts where it is one."""
        for value in ("no-transform", "max-age=3, No-Transform", "private,no-transform"):
            self.assertFalse(may_be_encoded(head(f"Cache-Control: {value}")), value)
        self.assertFalse(may_be_encoded(head("Cache-Control: public", "Cache-Control: no-transform")))
        self.assertTrue(may_be_encoded(head("X-A: no-transform", "Cache-Control: x-no-transform")))


class VaryTests(SynchronousTestCase):
    """What caches are told."""

    def test_cost(self) -> None:
        """A long list costs no Python for each of its members."""
        for part in (b",", b" ,", b"a,"):
            response = ResponseHead(200, b"OK", b"\r\nVary: " + part * (30_000 // len(part)) + b"a*")
            self.assertLess(instructions(lambda response=response: varied(response)), ONE_MILLISECOND / 20)  # type: ignore[misc]  # a lambda's own
            response = ResponseHead(200, b"OK", b"\r\nCache-Control: xno-transform" + part * (30_000 // len(part)))
            cost = instructions(lambda response=response: may_be_encoded(response))  # type: ignore[misc]  # a lambda's own
            self.assertLess(cost, ONE_MILLISECOND / 20)
            self.assertTrue(may_be_encoded(response))

    def test_merged(self) -> None:
        """The name is added once, to what is there."""
        for before, after in (
            ([], ["Vary: Accept-Encoding"]),
            (["vary: Cookie"], ["Vary: Cookie, Accept-Encoding"]),
            (["Vary: A,B", "vary: C"], ["Vary: A,B, C, Accept-Encoding"]),
            (["Vary:"], ["Vary: Accept-Encoding"]),
            (["Vary: , ,A ,", "Vary: ,"], ["Vary: A, Accept-Encoding"]),
            (["Vary: Accept-Encoding-2, X-*"], ["Vary: Accept-Encoding-2, X-*, Accept-Encoding"]),
            (["Vary: accept-encoding"], ["Vary: accept-encoding"]),
            (["Vary: A, Accept-ENCODING"], ["Vary: A, Accept-ENCODING"]),
            (["Vary: A", "Vary: *"], ["Vary: A", "Vary: *"]),
        ):
            self.assertEqual(lines(varied(head(*before))), after)
            self.assertEqual(lines(encoded(head(*before), b"gzip")), [*after, "Content-Encoding: gzip"])

    def test_unchanged(self) -> None:
        """A head with nothing to add is itself; another keeps what was understood of it."""
        told = head("Vary: *", "Content-Length: 3")
        self.assertIs(varied(told), told)
        made = varied(head("Content-Length: 3", "Date: x", "Connection: close, x-a"))
        self.assertEqual((made.length, made.chunked, made.persistent, made.usual), (3, False, False, True))
        self.assertEqual(made.named, {b"x-a"})

    def test_named(self) -> None:
        """A peer's Connection takes neither the coding nor the Vary away."""
        made = encoded(head("Connection: vary, content-encoding, x-a"), b"gzip")
        self.assertEqual(made.named, {b"x-a"})


class EncodedTests(SynchronousTestCase):
    """The head of an encoded body."""

    def test_fields(self) -> None:
        """What told of the plain bytes goes, or is weakened; the rest stays in order."""
        peers = head("A: b", "Content-Length: 9", 'ETag: "x"', "Accept-Ranges: bytes", "C: d")
        made = encoded(peers, b"br")
        self.assertEqual(lines(made), ["A: b", "C: d", 'ETag: W/"x"', "Vary: Accept-Encoding", "Content-Encoding: br"])
        self.assertEqual((made.length, made.chunked, made.usual), (None, True, False))
        self.assertEqual(lines(peers)[1], "Content-Length: 9")

    def test_etag(self) -> None:
        """A weak tag stays; what is none goes, as in nginx."""
        self.assertIn('ETag: W/"x"', lines(encoded(head('ETag: W/"x"'), b"gzip")))
        self.assertNotIn("x", encoded(head("ETag: xyz"), b"gzip").raw.decode().partition("ETag")[2])

    def test_sized(self) -> None:
        """A length makes it a usual head, if it has a date."""
        made = sized(encoded(head("Date: x"), b"gzip"), 17)
        self.assertEqual((made.length, made.chunked, made.usual), (17, False, True))
        self.assertEqual(lines(made)[-1], "Content-Length: 17")


class NotModifiedTests(SynchronousTestCase):
    """A 304."""

    def changed(self, asked: str, *fields: str, wanted: bool = True) -> list[str]:
        """The fields of a 304, after a request with this If-None-Match, of a client that a 200 is encoded for."""
        request = read_request_fields(f"\r\nIf-None-Match: {asked}".encode(), 10)
        return lines(not_modified(head(*fields, status=304), request, wanted=wanted))

    def test_tag(self) -> None:
        """A client that asked with the weak tag gets the weak one; one that asked for any, that of its 200."""
        vary = "Vary: Accept-Encoding"
        for wanted in (False, True):
            changed = self.changed('"y", W/"x"', 'ETag: "x"', "A: b", wanted=wanted)
            self.assertEqual(changed, ["A: b", 'ETag: W/"x"', vary])
            for asked in ('"x"', 'W/"y"'):
                self.assertEqual(self.changed(asked, 'ETag: "x"', wanted=wanted), ['ETag: "x"', vary])
            self.assertEqual(self.changed('W/"x"', 'ETag: W/"x"', wanted=wanted), ['ETag: W/"x"', vary])
        self.assertEqual(self.changed(" * ", 'ETag: "x"'), ['ETag: W/"x"', vary])
        self.assertEqual(self.changed("*", 'ETag: "x"', wanted=False), ['ETag: "x"', vary])

    def test_vary(self) -> None:
        """A Vary is there as in the 200 (RFC 9110 15.4.5), unless that would not be encoded either."""
        self.assertEqual(self.changed('W/"x"', "Vary: Cookie"), ["Vary: Cookie, Accept-Encoding"])
        self.assertEqual(self.changed('W/"x"', "A: b"), ["A: b", "Vary: Accept-Encoding"])
        self.assertEqual(self.changed('W/"x"', "Vary: accept-encoding"), ["Vary: accept-encoding"])
        for alone in ("Cache-Control: no-transform", "Content-Encoding: br", "Digest: x"):
            self.assertEqual(self.changed("*", alone, 'ETag: "x"'), [alone, 'ETag: "x"'])
        both = self.changed('W/"x"', "Vary: C", 'ETag: "x"')
        self.assertEqual(both, ['ETag: W/"x"', "Vary: C, Accept-Encoding"])
