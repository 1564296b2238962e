"""Tests of heads of responses over HTTP/2."""

from __future__ import annotations

from hpack import Decoder
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.runtime.site import ALWAYS_DROPPED
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http1.reader import read_response_head
from pydsl_proxy.wire.http1.response_writer import MAX_EDITED
from pydsl_proxy.wire.http2.response_block import KEY, response_block, usual_block

HEAD = b"HTTP/1.1 %d OK\r\nDate: now\r\nContent-Length: 2\r\nX-A: 1 \r\nKeep-Alive: 5\r\nConnection: x-hop\r\nX-Hop: 1"
RULES = FieldRules(((b"x-b", b"X-B", "2"),), ALWAYS_DROPPED)


def decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a block."""
    return list(Decoder().decode(block, raw=True))


class BlockTests(SynchronousTestCase):
    """Header blocks."""

    def test_usual(self) -> None:
        """Names are in lower case, hop-by-hop fields are gone, the location's are there; and it is kept."""
        response = read_response_head(HEAD % 200)
        block = usual_block(response, RULES)
        assert decoded(block) == [
            (b":status", b"200"),
            (b"date", b"now"),
            (b"content-length", b"2"),
            (b"x-a", b"1"),
            (b"x-b", b"2"),
        ]
        assert response.edited[RULES, KEY] is block

    def test_no_body(self) -> None:
        """A 204 tells no length; a 304 tells that of another response (RFC 9110 8.6)."""
        for status, has in ((204, False), (304, True)):
            block = response_block(read_response_head(HEAD % status), RULES, b"")
            assert ((b"content-length", b"2") in decoded(block)) is has

    def test_added(self) -> None:
        """Fields of one response alone come last, and are not kept."""
        response = read_response_head(HEAD % 200)
        assert decoded(response_block(response, RULES, b"\r\nX-C: 3"))[-1] == (b"x-c", b"3")
        assert decoded(response_block(response, RULES, b""))[-1] == (b"x-b", b"2")

    def test_bounded(self) -> None:
        """The blocks of rules that are in force no more do not pile up."""
        response = read_response_head(HEAD % 200)
        kept = []
        for _ in range(3 * MAX_EDITED):
            usual_block(response, FieldRules())
            kept.append(len(response.edited))
        assert max(kept) == MAX_EDITED
