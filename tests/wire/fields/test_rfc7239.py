"""Tests of the field Forwarded, RFC 7239."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.fields.rfc7239 import MAX_PAIRS, Hop, node_address, read_forwarded, write_forwarded
from pydsl_proxy.wire.http.grammar import Malformed, is_value

VALUES = (st.text('for=";, \\1.a') | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))).map(str.encode)
LISTS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4)


def quoted(value: bytes) -> bytes:
    """*value* as a quoted string (RFC 9110 5.6.4)."""
    return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


class LongTests(SynchronousTestCase):
    """Fields that no chain of proxies writes."""

    def test_refused(self) -> None:
        """A field of too many parameters is refused before it is read."""
        for value in (b"," * MAX_PAIRS, b";" * 30_000, b"for=192.0.2.1;proto=http," * 128):
            self.assertRaises(Malformed, read_forwarded, value)
        self.assertEqual(len(read_forwarded(b"for=192.0.2.1;proto=http," * 127)), 127)


class ReadTests(SynchronousTestCase):
    """What proxies write."""

    def test_examples(self) -> None:
        """The examples of RFC 7239 4 and 7.1."""
        for value, hops in (
            (b'For="[2001:db8:cafe::17]:4711"', [Hop(b"[2001:db8:cafe::17]:4711")]),
            (b"for=192.0.2.60;proto=http;by=203.0.113.43", [Hop(b"192.0.2.60", b"http")]),
            (b"for=192.0.2.43, for=198.51.100.17", [Hop(b"192.0.2.43"), Hop(b"198.51.100.17")]),
            (b'for="_gazonk"', [Hop(b"_gazonk")]),
            (b"for=_hidden, for=_SEVKISEK", [Hop(b"_hidden"), Hop(b"_SEVKISEK")]),
            (
                b"for=192.0.2.43, for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com",
                [Hop(b"192.0.2.43"), Hop(b"198.51.100.17", b"http", b"example.com")],
            ),
        ):
            self.assertEqual(read_forwarded(value), hops)

    def test_blanks(self) -> None:
        """Empty elements and parameters are none; blanks may stand around commas and semicolons."""
        self.assertEqual(read_forwarded(b" , for=a ; proto=b;; ,\t,"), [Hop(b"a", b"b")])
        self.assertEqual(read_forwarded(b""), [])

    def test_refused(self) -> None:
        """What has no reading, or two."""
        for value in (
            b"for",
            b"for=",
            b'for="a',
            b'for="a"b',
            b"for =a",
            b"for=a b",
            b"for=a;For=b",
            b"for=[::1]",
            b"=a",
        ):
            with self.assertRaises(Malformed, msg=value):
                read_forwarded(value)

    @given(LISTS)
    def test_quoted(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Whatever stands in quotes is the value, be it commas, semicolons or quotes; no element is made of it."""
        text = b", ".join([b"for=%b;host=%b" % (quoted(client), quoted(host)) for client, host in pairs])
        self.assertEqual(read_forwarded(text), [Hop(client, b"", host) for client, host in pairs])

    @given(VALUES, st.sampled_from([b"for=192.0.2.1", b'for="[2001:db8::1]";host="a, b"']))
    def test_appended(self, client: bytes, ours: bytes) -> None:
        """Whatever a client has sent, the element that a proxy appends is the last one, or nothing is read at all."""
        with contextlib.suppress(Malformed):
            read = read_forwarded(client + b", " + ours)
            self.assertEqual(read[-1:], read_forwarded(ours))

    @given(st.binary(max_size=60))
    def test_any(self, value: bytes) -> None:
        """Any bytes are read or malformed."""
        with contextlib.suppress(Malformed):
            read_forwarded(value)

    def test_long(self) -> None:
        """The time grows with the length."""
        for piece in (b",", b";", b'a="', b"a=b,", b'a="\\', b" "):
            with contextlib.suppress(Malformed):
                read_forwarded(piece * 30_000)


class NodeTests(SynchronousTestCase):
    """Who is named."""

    def test_addresses(self) -> None:
        """Addresses, with ports or identifiers in their place."""
        for node, address in (
            (b"192.0.2.1", "192.0.2.1"),
            (b"192.0.2.1:80", "192.0.2.1"),
            (b"192.0.2.1:_port", "192.0.2.1"),
            (b"[2001:db8::1]", "2001:db8::1"),
            (b"[2001:db8::1]:80", "2001:db8::1"),
            (b"2001:db8::1", ""),
            (b"unknown", ""),
            (b"_hidden", ""),
            (b"example.com", ""),
            (b"", ""),
        ):
            self.assertEqual(node_address(node), address, node)


class WriteTests(SynchronousTestCase):
    """What the next hop is told."""

    def test_kinds(self) -> None:
        """An IPv6 address stands in brackets and quotes, a client at a UNIX socket is unknown."""
        for address, host, text in (
            ("192.0.2.1", b"e.org", b"for=192.0.2.1;proto=https;host=e.org"),
            ("2001:db8::1", b"e.org:81", b'for="[2001:db8::1]";proto=https;host="e.org:81"'),
            ("fe80::1%eth0", b"", b'for="[fe80::1]";proto=https'),
            ("unix:", b"", b"for=unknown;proto=https"),
        ):
            self.assertEqual(write_forwarded(address, "https", host), text)

    @given(st.ip_addresses(), VALUES)
    def test_read_again(self, address: object, host: bytes) -> None:
        """What is written is read so, whatever the host."""
        text = write_forwarded(str(address), "http", host)
        (hop,) = read_forwarded(text)
        self.assertEqual((node_address(hop.client), hop.proto, hop.host), (str(address), b"http", host))
        self.assertTrue(is_value(text))
