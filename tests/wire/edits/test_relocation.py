"""Tests of Location and Refresh fields that point back at a peer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.edits.relocation import relocated
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.reader import read_response_head

PEERS = (b"up", b"10.0.0.1:9000")


def response(*lines: bytes) -> ResponseHead:
    """A peer's head."""
    return read_response_head(b"\r\n".join((b"HTTP/1.1 302 Found", *lines)))


def moved(line: bytes, replaced: bytes = b"/", prefix: bytes = b"/") -> bytes:
    """A field as the client sees it."""
    return relocated(response(line), PEERS, replaced, prefix, b"https://front").raw.removeprefix(b"\r\n")


class RelocationTests(SynchronousTestCase):
    """What nginx's ``proxy_redirect default`` does."""

    def test_location(self) -> None:
        """A URL below a peer becomes one below us; any other stays (rows 1 and 2 observed on nginx 1.22.1)."""
        for line, replaced, prefix, seen in (
            (b"Location: http://up/two/x", b"/", b"/", b"Location: https://front/two/x"),
            (b"Location: http://up/two/x", b"/redir/", b"/one/", b"Location: http://up/two/x"),
            (b"location:http://up/redir/x?y", b"/redir/", b"/one/", b"Location: https://front/one/x?y"),
            (b"Location: HTTP://10.0.0.1:9000/", b"/", b"/", b"Location: https://front/"),
            (b"Location: http://up", b"/", b"/", b"Location: http://up"),
            (b"Location: http://upper/x", b"/", b"/", b"Location: http://upper/x"),
            (b"Location: https://up/x", b"/", b"/", b"Location: https://up/x"),
            (b"Location: /x", b"/", b"/", b"Location: /x"),
            (b"Location: /login?next=http://up/x", b"/", b"/", b"Location: /login?next=http://up/x"),
        ):
            self.assertEqual(moved(line, replaced, prefix), seen)

    def test_refresh(self) -> None:
        """Of a Refresh, what stands before its URL stays."""
        for line, seen in (
            (b"Refresh: 5; url=http://up/x", b"Refresh: 5; url=https://front/x"),
            (b"Refresh: 5; URL=http://up/x", b"Refresh: 5; URL=https://front/x"),
            (b"Refresh: 5", b"Refresh: 5"),
            (b"Refresh: 5; url=/x?y=http://up/", b"Refresh: 5; url=/x?y=http://up/"),
        ):
            self.assertEqual(moved(line), seen)

    def test_untouched(self) -> None:
        """Where nothing changes, the response is the same one."""
        same = response(b"A: b", b"Location: http://elsewhere/")
        self.assertIs(relocated(same, PEERS, b"/", b"/", b"http://front"), same)

    def test_rest(self) -> None:
        """All else that was understood of the response stays, and the one that was read is not changed."""
        read = response(
            b"Location: http://up/x", b"Connection: close, A", b"Content-Length: 2", b"Date: x", b"Refresh: 1"
        )
        made = relocated(read, PEERS, b"/", b"/", b"http://front")
        self.assertEqual(
            made.raw,
            b"\r\nConnection: close, A\r\nContent-Length: 2\r\nDate: x\r\nRefresh: 1\r\nLocation: http://front/x",
        )
        for name in ("status", "reason", "minor", "length", "chunked", "persistent", "dated", "named", "usual"):
            self.assertEqual(getattr(made, name), getattr(read, name), name)
        self.assertIn(b"Location: http://up/x", read.raw)
