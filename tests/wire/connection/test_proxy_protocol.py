"""Tests of the PROXY protocol's header."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.connection.proxy_protocol import (
    MAX_V1,
    MAX_V2,
    SocketAddress,
    read_proxy_header,
    write_proxy_header,
)
from pydsl_proxy.wire.http.grammar import Malformed

BEGIN = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes.fromhex("cb007109 c0000201 9c40 01bb")

Read = tuple[int, SocketAddress | None, SocketAddress | None]


def read(data: bytes) -> Read | None:
    """The header's size and what it tells."""
    header = read_proxy_header(data)
    return None if header is None else (header.size, header.source, header.destination)


def outcome(data: bytes) -> Read | str | None:
    """The same, or why there is none."""
    try:
        return read(data)
    except Malformed as error:
        return error.detail


def v2(command: int, family: int, addresses: bytes, tail: bytes = b"") -> bytes:
    """A header of version 2."""
    body = addresses + tail
    return BEGIN + bytes((command, family)) + len(body).to_bytes(2, "big") + body


class Version1Tests(SynchronousTestCase):
    """A line of text."""

    def test_addresses(self) -> None:
        """TCP over IPv4 and IPv6; what follows is not looked at."""
        line = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n"
        self.assertEqual(read(line + b"GET / HTTP"), (len(line), ("203.0.113.9", 40000), ("192.0.2.1", 443)))
        line = b"PROXY TCP6 2001:DB8:0:0::1 ::1 0 65535\r\n"
        self.assertEqual(read(line), (len(line), ("2001:db8::1", 0), ("::1", 65535)))

    def test_unknown(self) -> None:
        """UNKNOWN tells nothing, whatever follows it."""
        for line in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", b"PROXY UNKNOWN  ?\r\n"):
            self.assertEqual(read(line + b"x"), (len(line), None, None))

    def test_longest(self) -> None:
        """A line has 107 bytes at most, its end among them (2.1)."""
        line = b"PROXY UNKNOWN " + b"x" * (MAX_V1 - 16) + b"\r\n"
        self.assertEqual(len(line), 107)
        self.assertEqual(read(line), (107, None, None))
        self.assertIsNone(read(line[:-2]))
        self.assertEqual(outcome(line[:-2] + b"x\r\n"), "the PROXY line is longer than 107 bytes")

    def test_strict(self) -> None:
        """One space between the parts, addresses of their family, ports in decimal, a line that ends with CR LF."""
        for line in (
            b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443 \r\n",
            b"PROXY  TCP4 203.0.113.9 192.0.2.1 40000 443\r\n",
            b"PROXY TCP4 203.0.113.9  192.0.2.1 40000 443\r\n",
            b"PROXY TCP4\t203.0.113.9 192.0.2.1 40000 443\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 40000\r\n",
            b"PROXY TCP4 2001:db8::1 192.0.2.1 40000 443\r\n",
            b"PROXY TCP6 203.0.113.9 192.0.2.1 40000 443\r\n",
            b"PROXY TCP6 fe80::1%eth0 ::1 40000 443\r\n",
            b"PROXY TCP4 203.0.113.09 192.0.2.1 40000 443\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 040 443\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 -1 443\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 \xd9\xa1 443\r\n",
            b"PROXY UDP4 203.0.113.9 192.0.2.1 1 443\r\n",
            b"PROXY UNKNOWNX\r\n",
            b"PROXY UNKNOWN a\nb\r\n",
            b"PROXY \r\n",
        ):
            self.assertRaises(Malformed, read, line)

    def test_other(self) -> None:
        """What begins otherwise is told at its first byte that differs."""
        for data in (b"GET / HTTP/1.1\r\n", b"proxy TCP4", b"PROXX", b"\r\n\r\nG", b"\x16\x03\x01"):
            self.assertEqual(outcome(data), "there is no PROXY header")


class Version2Tests(SynchronousTestCase):
    """Binary."""

    def test_addresses(self) -> None:
        """TCP over IPv4 and IPv6."""
        data = v2(0x21, 0x11, V4)
        self.assertEqual(read(data + b"GET"), (28, ("203.0.113.9", 40000), ("192.0.2.1", 443)))
        six = bytes.fromhex("20010db8000000000000000000000001" + "0" * 31 + "1" + "9c4001bb")
        self.assertEqual(read(v2(0x21, 0x21, six)), (52, ("2001:db8::1", 40000), ("::1", 443)))

    def test_tlvs(self) -> None:
        """What follows the addresses is skipped, but counts."""
        data = v2(0x21, 0x11, V4, b"\x04\x00\x03abc")
        self.assertEqual(read(data), (34, ("203.0.113.9", 40000), ("192.0.2.1", 443)))
        self.assertIsNone(read(data[:-1]))

    def test_nothing_told(self) -> None:
        """LOCAL, whatever comes with it; an unknown family; a UNIX socket of another machine; and datagrams."""
        unix = v2(0x21, 0x31, b"/run/a.sock".ljust(108, b"\0") * 2)
        for data in (v2(0x20, 0x00, b""), v2(0x20, 0x11, V4), v2(0x21, 0x00, b"xyz"), unix, v2(0x21, 0x12, V4)):
            self.assertEqual(read(data), (len(data), None, None))

    def test_strict(self) -> None:
        """What is not defined is refused (2.2), and addresses that are cut short."""
        for data in (
            v2(0x11, 0x11, V4),
            v2(0x31, 0x11, V4),
            v2(0x22, 0x11, V4),
            v2(0x21, 0x41, V4),
            v2(0x21, 0x13, V4),
            v2(0x21, 0x11, V4[:-1]),
            v2(0x21, 0x21, V4),
            v2(0x21, 0x31, V4),
        ):
            self.assertRaises(Malformed, read, data)

    def test_longest(self) -> None:
        """A length beyond the limit is refused as soon as it is read."""
        self.assertEqual(
            read(v2(0x21, 0x11, V4, bytes(MAX_V2 - 28))), (MAX_V2, ("203.0.113.9", 40000), ("192.0.2.1", 443))
        )
        self.assertEqual(outcome(BEGIN + b"\x21\x11\xff\xff"), "the PROXY header is longer than 4096 bytes")


_v4 = st.ip_addresses(v=4).map(str)
_v6 = st.ip_addresses(v=6).map(str)
_ports = st.integers(0, 65535)
_begins = st.sampled_from((b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ::1 ", BEGIN, BEGIN + b"\x21\x11\x00\x0c"))


class AnyBytesTests(SynchronousTestCase):
    """Properties."""

    @given(_begins, st.binary(max_size=300))
    def test_only_malformed(self, begin: bytes, rest: bytes) -> None:
        """Any bytes are a header, the beginning of one, or malformed; a header is not longer than they are."""
        result = outcome(begin + rest)
        if isinstance(result, tuple):
            self.assertLessEqual(result[0], len(begin + rest))

    @given(_begins, st.binary(max_size=300))
    def test_any_split(self, begin: bytes, rest: bytes) -> None:
        """Whatever comes at a time, the outcome is that of the whole."""
        data = begin + rest
        outcomes = (outcome(data[:end]) for end in range(len(data) + 1))
        self.assertEqual(next((each for each in outcomes if each is not None), None), outcome(data))

    @given(st.sampled_from((1, 2)), st.sampled_from((_v4, _v6)), st.data())
    def test_written(self, version: int, addresses: st.SearchStrategy[str], data: st.DataObject) -> None:
        """What is written is read, at any split."""
        source, destination = data.draw(st.tuples(st.tuples(addresses, _ports), st.tuples(addresses, _ports)))
        header = write_proxy_header(version, source, destination)
        self.assertEqual(read(header + b"GET"), (len(header), source, destination))
        cut = data.draw(st.integers(0, len(header) - 1))
        self.assertIsNone(read(header[:cut]))


class WriteTests(SynchronousTestCase):
    """What peers are told."""

    def test_bytes(self) -> None:
        """Byte for byte."""
        ends = ("203.0.113.9", 40000), ("192.0.2.1", 443)
        self.assertEqual(write_proxy_header(1, *ends), b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n")
        self.assertEqual(write_proxy_header(2, *ends), BEGIN + b"\x21\x11\x00\x0c" + V4)
        ends = ("2001:db8::1", 1), ("fe80::1%eth0", 2)
        self.assertEqual(write_proxy_header(1, *ends), b"PROXY TCP6 2001:db8::1 fe80::1 1 2\r\n")

    def test_two_families(self) -> None:
        """IPv4 stands as IPv6 beside IPv6."""
        told = read(write_proxy_header(2, ("203.0.113.9", 1), ("2001:db8::1", 2)))
        assert told is not None and told[1] is not None
        self.assertIn(told[1], (("::ffff:cb00:7109", 1), ("::ffff:203.0.113.9", 1)))

    def test_unknown(self) -> None:
        """A client at a UNIX socket has no address that could be told."""
        for version in (1, 2):
            header = write_proxy_header(version, ("unix:", 0), ("", 0))
            self.assertEqual(read(header), (len(header), None, None))

    @given(st.text(), st.text())
    def test_any_text(self, source: str, destination: str) -> None:
        """No address makes a header that cannot be read."""
        assume(len(source) < 50)
        for version in (1, 2):
            header = write_proxy_header(version, (source, 1), (destination, 2))
            self.assertIsNotNone(read(header))
