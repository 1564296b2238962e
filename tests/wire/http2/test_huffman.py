"""Tests of Huffman's code: the library hpack is the other side."""

from __future__ import annotations

from hpack.exceptions import HPACKDecodingError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.huffman import BadCode, decode
from tests.support.cost import ONE_MILLISECOND, instructions

encode = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode
PRINTABLE = bytes(range(0x20, 0x7F))
#: Short strings and long ones are read in different ways.
TIMES = st.sampled_from([1, 2, 50, 1000])


def by_the_library(data: bytes) -> bytes | None:
    """What the library reads, or None."""
    try:
        return bytes(decode_huffman(data))
    except HPACKDecodingError:
        return None


def by_us(data: bytes) -> bytes | None:
    """What we read, or None."""
    try:
        return decode(data)
    except BadCode:
        return None


class DecodeTests(SynchronousTestCase):
    """Strings that are read."""

    @given(st.one_of(st.binary(max_size=20), st.text(max_size=20).map(str.encode)), TIMES)
    def test_any(self, text: bytes, times: int) -> None:
        """What was written is read, of any characters and any length."""
        self.assertEqual(decode(encode(text * times)), text * times)

    def test_every_place(self) -> None:
        """A long code may follow at any place in an octet."""
        for octet in (0x5C, 0x00, 0x80, 0xFF):
            for number in range(16):
                text = b"a" * (2000 + number) + bytes((octet,)) + b"x" * number
                self.assertEqual(decode(encode(text)), text)

    @given(st.binary(max_size=12))
    def test_noise(self, data: bytes) -> None:
        """Octets at random are read, or refused, as the library does it (RFC 7541 5.2)."""
        self.assertEqual(by_us(data), by_the_library(data))

    @given(st.integers(0, 1500), st.integers(0, 255), st.sampled_from([b"", b"\xff", b"\x00", b"\xfe", b"\xff" * 4]))
    def test_long_noise(self, place: int, octet: int, ending: bytes) -> None:
        """So it is for long ones, with an octet that is wrong, and endings that are too long or none."""
        data = bytearray(encode(PRINTABLE * 20))
        data[place % len(data)] = octet
        self.assertEqual(by_us(bytes(data) + ending), by_the_library(bytes(data) + ending))

    def test_padding(self) -> None:
        """Fewer than eight ones, and never the code of the end, be the string short or long."""
        for text in (b"0", b"0" * 8, PRINTABLE * 20, b"0" * 2000):
            data = encode(text)
            self.assertEqual(decode(data), text)
            for ending in (b"\xff", b"\xff\xff\xff\xff", b"\x00\x00", b"\xfe"):
                self.assertEqual(by_us(data + ending), by_the_library(data + ending))

    def test_cost(self) -> None:
        """No Python runs for a character of a long string of printable ASCII."""
        data = encode(PRINTABLE.replace(b"\\", b"") * 300)
        self.assertLess(instructions(lambda: decode(data)), ONE_MILLISECOND / 20)
