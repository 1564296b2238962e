"""Tests of the fields that change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http1.reader import read_request_fields
from pydsl_proxy.wire.http1.volatile_fields import MAX_COMPARED, MAX_NAMES, VolatileFields

USUAL = b"\r\nHost: a\r\nUser-Agent: b"


def see(changing: VolatileFields, *blocks: bytes) -> None:
    """Let *changing* learn from sections, as they come."""
    for block in blocks:
        changing.learn(block, read_request_fields(block, 100))


def taught(*names: bytes) -> VolatileFields:
    """One that knows *names*."""
    changing = VolatileFields()
    for name in names:
        see(changing, *(USUAL + b"\r\n%b: %d" % (name, number) for number in range(2)))
    return changing


class ChangingTests(SynchronousTestCase):
    """What is learned, and set apart."""

    def test_learned(self) -> None:
        """A field that differs between two sections of one user agent changes."""
        changing = taught(b"X-Request-Id")
        block = b"\r\nHost: a\r\nX-Request-Id: 7\r\nAccept: b"
        self.assertEqual(changing.split(block), (b"\r\nHost: a\r\nAccept: b", b"\r\nX-Request-Id: 7"))
        self.assertEqual(changing.split(USUAL), (USUAL, b""))

    def test_last(self) -> None:
        """It may be the last field."""
        self.assertEqual(taught(b"A").split(USUAL + b"\r\nA: 1"), (USUAL, b"\r\nA: 1"))

    def test_not_learned(self) -> None:
        """What the proxy looks at is never set apart, nor what has an underscore, nor what other clients send."""
        for name in (b"Content-Length", b"x-forwarded-for", b"Authorization", b"under_score"):
            self.assertEqual(taught(name).split(USUAL + b"\r\n%b: 1" % name)[1], b"")
        changing = VolatileFields()
        see(changing, USUAL + b"\r\nA: 1", b"\r\nHost: a\r\nUser-Agent: c\r\nA: 2")
        see(changing, USUAL + b"\r\nA: 2\r\nB: 2\r\nC: 2")
        self.assertEqual(changing.split(USUAL + b"\r\nA: 1")[1], b"")

    def test_new(self) -> None:
        """A field that was not there before does not change."""
        changing = VolatileFields()
        see(changing, USUAL, USUAL + b"\r\nA: 1")
        self.assertEqual(changing.split(USUAL + b"\r\nA: 1")[1], b"")

    def test_malformed(self) -> None:
        """A line that cannot be read stays where it is, for the reader to refuse."""
        changing = taught(b"A")
        for line in (b"\r\nA: \x00", b"\r\nA: b\rc", b"\r\nA: b\nc"):
            self.assertEqual(changing.split(USUAL + line), (USUAL + line, b""))

    def test_bounds(self) -> None:
        """It knows a few names, the last that it learned, and compares with a bounded number of sections."""
        names = [b"N%d" % number for number in range(9)]
        changing = taught(*names)
        block = USUAL + b"".join(b"\r\n%b: 1" % name for name in names)
        self.assertEqual(changing.split(block)[1].count(b"\r\n"), MAX_NAMES)
        see(changing, *(b"\r\nHost: a\r\nUser-Agent: %d" % number for number in range(3 * MAX_COMPARED)))
        self.assertLessEqual(len(changing._compared), MAX_COMPARED)

    @given(
        st.lists(
            st.sampled_from([b"A: 1", b"a: 2", b"A:", b"A: 3", b"B: x", b"Host: b", b"A : 1", b" A: 1", b"A: \x01"])
        )
    )
    def test_same(self, lines: list[bytes]) -> None:
        """A section read in two parts is the section read whole: refused or not, all values in order."""
        changing = taught(b"A", b"B")
        block = b"".join(b"\r\n" + line for line in lines)
        rest, apart = changing.split(block)
        try:
            whole = read_request_fields(block, 100)
        except Malformed:
            self.assertRaises(Malformed, read_request_fields, rest, 100)
            return
        known = read_request_fields(rest, 100)
        if apart and not changing.keeps_order(known):
            return
        parts = known.followed_by(apart)
        for name in (b"a", b"b", b"host"):
            self.assertEqual(parts.all(name), whole.all(name))
        self.assertEqual((parts.host, parts.host_name), (whole.host, whole.host_name))

    def test_spellings(self) -> None:
        """Of the spellings of a name the last that was learned is set apart: together their order would change."""
        changing = taught(b"A", b"B", b"a")
        block = b"\r\na: 1\r\nB: 2\r\nA: 3"
        rest, apart = changing.split(block)
        self.assertEqual((rest, sorted(apart.split())), (b"\r\nA: 3", [b"1", b"2", b"B:", b"a:"]))
        self.assertFalse(changing.keeps_order(read_request_fields(rest, 100)))

    def test_repeated(self) -> None:
        """Fields of one name are told, in whatever case: their order would change."""
        changing = taught(b"A")
        for block in (b"\r\nA: 1\r\nA: 2", b"\r\na: 1\r\nA: 2"):
            rest, apart = changing.split(block)
            self.assertTrue(apart)
            self.assertFalse(changing.keeps_order(read_request_fields(rest, 100)))
        rest, apart = changing.split(b"\r\nB: 1\r\nA: 2")
        self.assertTrue(changing.keeps_order(read_request_fields(rest, 100)))
