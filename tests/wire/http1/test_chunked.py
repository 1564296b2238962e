"""Tests of the chunked coding."""

from __future__ import annotations

from itertools import pairwise

import h11
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http1.chunked import LONGEST_SIZE_LINE, ChunkedReader, chunk, last_chunk
from pydsl_proxy.wire.http1.reader import MAX_TRAILERS
from tests.support.cost import instructions

NAMES = st.text("abcXYZ019-.", min_size=1, max_size=8).map(lambda name: b"x-" + name.encode())
VALUES = st.text("ab,;=\x80\xff", max_size=9).map(lambda value: value.encode("latin-1"))
TRAILERS = st.lists(st.tuples(NAMES, VALUES), max_size=3)


def read(*pieces: bytes) -> ChunkedReader:
    """A reader that was fed with *pieces*."""
    reader = ChunkedReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


def octets(data: bytes) -> list[bytes]:
    """*data*, an octet each."""
    return [data[at : at + 1] for at in range(len(data))]


class ReaderTests(SynchronousTestCase):
    """A body taken apart."""

    def test_at_once(self) -> None:
        """The pieces are those of the chunks; what follows the body is left."""
        reader = ChunkedReader()
        self.assertEqual(reader.feed(b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-Sum:  1 \r\n\r\nGET /"), [b"hello", b"!"])
        self.assertEqual((reader.ended, reader.trailers, reader.rest), (True, ((b"X-Sum", b"1"),), b"GET /"))

    def test_within_a_chunk(self) -> None:
        """A read in the middle of a chunk is passed on as it is."""
        reader = read(b"ff\r\n")
        data = b"x" * 100
        [piece] = reader.feed(data)
        self.assertIs(piece, data)
        self.assertFalse(reader.ended)

    def test_octet_by_octet(self) -> None:
        """An end is found wherever it is cut."""
        reader = ChunkedReader()
        pieces = [piece for octet in octets(b"3 ;a\r\nabc\r\n0\r\nX: y\r\n\r\n") for piece in reader.feed(octet)]
        self.assertEqual((b"".join(pieces), reader.ended, reader.rest), (b"abc", True, b""))
        self.assertEqual(reader.trailers, ((b"X", b"y"),))

    def test_after_the_end(self) -> None:
        """The reader reads one body."""
        reader = read(b"0\r\n\r\n")
        self.assertEqual((reader.feed(b"5\r\nhello\r\n"), reader.rest), ([], b"5\r\nhello\r\n"))

    def test_malformed(self) -> None:
        """What is no chunk is refused, at once or in any pieces."""
        for data in (
            b"\r\n",
            b"x\r\n",
            b"-1\r\n",
            b"0x1\r\na\r\n",
            b" 1\r\na\r\n",
            b"1 \r\na\r\n",
            b"1\na\r\n",
            b"1\n",
            b"1;a\nb\r\na\r\n",
            b"1;\r\na\r\n",
            b"10000000000000000\r\n",
            b"1\r\nab\r\n",
            b"1\r\na\n",
            b"1\r\na\rx",
            b"0\r\nX\r\n\r\n",
            b"0\r\nX : y\r\n\r\n",
            b"0\r\nX: y\n\r\n\r\n",
            b"0\r\n X: y\r\n\r\n",
        ):
            self.assertEqual(self.assertRaises(Malformed, read, data).status, 400, data)
            self.assertRaises(Malformed, read, *octets(data))

    def test_starts(self) -> None:
        """What cannot become a size line or a trailer is refused before its line is complete, and nothing else is."""
        bad = [
            b"x",
            b"G",
            b"2\rZ",
            b"2;a\rZ",
            b"2 \rZ",
            b"2\n",
            b"2;a\n",
            b"-",
            b";",
            b"2 x",
            b"1" * 17,
            b"\r",
            b" ",
            b"2\0",
        ]
        trailers = [
            b"\rZ",
            b"X: y\rZ",
            b"X:y\n",
            b"\n",
            b" X",
            b"X\r",
            b"X\n",
            b"A: b\r\n c",
            b":",
            b"X:\0",
            b"\r\r",
            b"X:y\r\r",
        ]
        bad += [b"0\r\n" + each for each in trailers]
        bad += [b"0\r\nA: b\r\n" + each for each in trailers]
        for of_peer in (False, True):
            for data in bad:
                for pieces in ([data], octets(data), [data[:-1], data[-1:]]):
                    with self.assertRaises(Malformed, msg=(of_peer, pieces)):
                        reader = ChunkedReader(of_peer=of_peer)
                        for piece in pieces:
                            reader.feed(piece)
        for data in (b"2 \r", b"2;\r", b"2;a=\r", b"2;a=b=", b'2;a="b"c', b'2;a="\\\0', b"0\r\nX "):
            self.assertRaises(Malformed, read, data)
            self.assertRaises(Malformed, read, *octets(data))
        for data in (b'2 ; a = "b\\"c" ;d=e\t; f\r', b"0\r\nA:\r\nB: \tb\xff \r\nC-d: e\r"):
            for end in range(1, len(data) + 1):
                read(data[:end])
            read(*octets(data))
        for data in (b"2 \t; a = b\t;;\r", b"2 \r", b"0 \r\nA \t:\r\nB: b\r"):
            for pieces in ([data], octets(data)):
                reader = ChunkedReader(of_peer=True)
                for piece in pieces:
                    reader.feed(piece)

    def test_many_reads(self) -> None:
        """Trailers that come octet by octet are not looked at from their start each time."""
        for start in (b"", b"X:", b"X" * 100 + b": "):
            costs = []
            for size in (50, 15_000):
                reader = read(b"0\r\n" + start + b"a" * size)
                costs.append(instructions(lambda reader=reader: reader.feed(b"a")))  # type: ignore[misc]
                self.assertEqual(reader._checked, len(reader._held))
            self.assertEqual(*costs)

    def test_of_peer(self) -> None:
        """Of a peer a little more is understood: it is not sent on as it came."""
        for size in (b"1 ", b"1\t", b"1;", b"1; a b"):
            data = size + b"\r\na\r\n0 \r\n\r\n"
            for pieces in ([data], octets(data)):
                reader = ChunkedReader(of_peer=True)
                self.assertEqual(b"".join([piece for each in pieces for piece in reader.feed(each)]), b"a", size)
                self.assertTrue(reader.ended)
        reader = ChunkedReader(of_peer=True)
        reader.feed(b"0\r\nX : y\r\nZ: a\r\n\r\n")
        self.assertEqual(reader.trailers, ((b"Z", b"a"),))
        for data in (
            b"1\n",
            b"1 \n",
            b"1;a\nb\r\n",
            b"0\r\nX\r\n\r\n",
            b"0\r\nA: b\r\n c : d\r\n\r\n",
            b"0\r\nX :\0\r\n\r\n",
        ):
            self.assertRaises(Malformed, ChunkedReader(of_peer=True).feed, data)

    def test_long_size_line(self) -> None:
        """A size line is bounded, extensions included, whether or not its end is here."""
        longest = b"1;" + b"a" * (LONGEST_SIZE_LINE - 2)
        self.assertEqual(ChunkedReader().feed(longest + b"\r\nb\r\n"), [b"b"])
        read(longest + b"\r")
        for pieces in ([longest + b"a\r\nb\r\n"], [longest, b"aa"], octets(longest + b"a\r\n")):
            self.assertRaises(Malformed, read, *pieces)

    def test_long_trailers(self) -> None:
        """Trailers are bounded, whether or not their end is here."""
        longest = b"\r\nX:" + b"a" * (MAX_TRAILERS - 4)
        self.assertTrue(read(b"0" + longest + b"\r\n\r\n").ended)
        self.assertTrue(read(b"0" + longest, *octets(b"\r\n\r\n")).ended)
        for pieces in ([b"0" + longest + b"a\r\n\r\n"], [b"0" + longest, b"aaaa"], [b"0" + longest, b"a\r\n", b"\r"]):
            self.assertEqual(self.assertRaises(Malformed, read, *pieces).status, 431)

    @given(st.binary(max_size=80))
    def test_noise(self, data: bytes) -> None:
        """Whatever comes is read or refused; what is kept back is bounded."""
        reader = ChunkedReader()
        try:
            for octet in octets(data):
                reader.feed(octet)
                self.assertLessEqual(len(reader._held), LONGEST_SIZE_LINE + 2)
        except Malformed:
            pass


class RoundTripTests(SynchronousTestCase):
    """What is written is read, by us and by h11."""

    @given(
        st.lists(st.binary(min_size=1, max_size=40), max_size=4), TRAILERS, st.lists(st.integers(0, 200), max_size=6)
    )
    def test_any_split(self, pieces: list[bytes], trailers: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
        """In any pieces."""
        data = b"".join([*map(chunk, pieces), last_chunk(trailers)])
        ends = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
        reader = ChunkedReader()
        got = [piece for a, b in pairwise(ends) for piece in reader.feed(data[a:b])]
        self.assertEqual(b"".join(got), b"".join(pieces))
        self.assertEqual((reader.ended, reader.trailers, reader.rest), (True, tuple(trailers), b""))

    @given(st.binary(min_size=1, max_size=40), TRAILERS)
    def test_h11(self, body: bytes, trailers: list[tuple[bytes, bytes]]) -> None:
        """h11 agrees."""
        judge = h11.Connection(h11.SERVER)
        judge.receive_data(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        judge.receive_data(chunk(body) + last_chunk(trailers))
        judge.next_event()
        data, end = judge.next_event(), judge.next_event()
        assert isinstance(data, h11.Data) and isinstance(end, h11.EndOfMessage)
        self.assertEqual(data.data, body)
        self.assertEqual(list(end.headers), [(name.lower(), value) for name, value in trailers])

    def test_written(self) -> None:
        """Sizes are hexadecimal; an end without trailers is the shortest."""
        self.assertEqual(chunk(b"a" * 26), b"1a\r\n" + b"a" * 26 + b"\r\n")
        self.assertEqual(last_chunk(()), b"0\r\n\r\n")
        self.assertEqual(last_chunk([(b"X", b"y")]), b"0\r\nX: y\r\n\r\n")
