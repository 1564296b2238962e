"""Tests of which fields end at this hop."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.hop_by_hop import (
    FORBIDDEN_IN_TRAILERS,
    FORWARDING,
    HOP_BY_HOP,
    MAX_OPTIONS,
    NEVER_NAMED,
    REQUEST_DROPPED,
    RESPONSE_DROPPED,
    connection_options,
)
from tests.support.cost import ONE_MILLISECOND, instructions

FRAMING = {b"content-length", b"transfer-encoding"}


class SetTests(SynchronousTestCase):
    """The sets of names."""

    def test_lower_case(self) -> None:
        """Names are looked up in lower case."""
        names = HOP_BY_HOP | REQUEST_DROPPED | RESPONSE_DROPPED | FORWARDING | NEVER_NAMED | FORBIDDEN_IN_TRAILERS
        self.assertEqual({name for name in names if name != name.lower()}, set())

    def test_framing(self) -> None:
        """What frames a message is dropped by no list, hidden by no Connection, and never a trailer."""
        self.assertFalse(FRAMING & (REQUEST_DROPPED | RESPONSE_DROPPED))
        self.assertLessEqual(FRAMING, NEVER_NAMED)
        self.assertLessEqual(FRAMING | FORWARDING | HOP_BY_HOP, FORBIDDEN_IN_TRAILERS)

    def test_both_ways(self) -> None:
        """What ends at this hop does so in either direction."""
        self.assertLessEqual(HOP_BY_HOP, REQUEST_DROPPED)
        self.assertLessEqual(HOP_BY_HOP, RESPONSE_DROPPED)


class OptionTests(SynchronousTestCase):
    """What Connection lists."""

    def test_options(self) -> None:
        """They are tokens in any case, between commas that may be too many (RFC 9110 5.6.1)."""
        self.assertEqual(
            connection_options([b"Keep-Alive, ,\tX-A ,", b"", b"CLOSE"]), frozenset({b"keep-alive", b"x-a", b"close"})
        )
        self.assertEqual(connection_options([]), frozenset())

    def test_cost(self) -> None:
        """A list of nothing, or of one name again and again, is bounded in its members, of all fields together."""
        for part in (b",", b" ,", b"a,"):
            value = part * (30_000 // len(part))
            with self.assertRaises(Malformed):
                connection_options([value])
            self.assertRaises(Malformed, connection_options, [part] * (MAX_OPTIONS + 1))
            connection_options([part] * (MAX_OPTIONS // 2))
        full = [b"a%d" % number for number in range(MAX_OPTIONS)]
        for values in ([b",".join(full)], full):
            self.assertEqual(connection_options(values), frozenset(full))
            self.assertLess(instructions(lambda values=values: connection_options(values)), ONE_MILLISECOND / 20)  # type: ignore[misc]  # a lambda's own
            self.assertRaises(Malformed, connection_options, [*values, b"b"])

    def test_malformed(self) -> None:
        """What is no token names no field."""
        for value in (b"a b", b"a;b", b'"close"', b"\xff"):
            self.assertRaises(Malformed, connection_options, [value])
