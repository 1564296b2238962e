"""Tests of header sections, against a reading that splits lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.head import Fields, RequestFields, ResponseHead, section
from pydsl_proxy.wire.http1.reader import read_request_fields

# Few and alike, so that names repeat, and are parts of other names and of values.
NAMES = st.sampled_from([b"a", b"A", b"ab", b"b", b"x-a", b"X-A", b"a-x"])
VALUES = st.sampled_from([b"", b"a", b"a: b", b"a:", b"x-a:1", b"b, c", b"\xc3\xa9", b"A\tb"])
BLANKS = st.sampled_from([b"", b" ", b"\t ", b"  "])
LINES = st.lists(st.tuples(NAMES, BLANKS, VALUES, BLANKS), max_size=6)


def raw(lines: list[tuple[bytes, bytes, bytes, bytes]]) -> bytes:
    """The lines as a section."""
    return b"".join(b"\r\n%b:%b%b%b" % line for line in lines)


def split(data: bytes, name: bytes) -> list[bytes]:
    """The values of *name*, found by splitting."""
    pairs = [line.split(b":", 1) for line in data.split(b"\r\n") if line]
    return [value.strip(b" \t") for found, value in pairs if found.lower() == name]


class FieldsTests(SynchronousTestCase):
    """Looking fields up."""

    @given(LINES, NAMES)
    def test_lookup(self, lines: list[tuple[bytes, bytes, bytes, bytes]], name: bytes) -> None:
        """``all`` and ``get`` find what splitting finds, whatever stands beside it."""
        data, name = raw(lines), name.lower()
        values = split(data, name)
        for fields in (Fields(data), Fields(data, data.lower())):
            self.assertEqual(fields.all(name), values)
            self.assertEqual(fields.get(name), b", ".join(values) if values else None)
            self.assertEqual(list(fields.items()), [(shown, value.strip(b" \t")) for shown, _, value, _ in lines])

    @given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    def test_section(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """What is written is read: a section has its fields in their order."""
        self.assertEqual(list(Fields(section(tuple(pairs))).items()), pairs)
        self.assertEqual(section(iter(pairs)), section(tuple(pairs)))
        self.assertEqual(list(Fields(section(dict(pairs))).items()), list(dict(pairs).items()))

    def test_lower(self) -> None:
        """The lower-case copy is made once."""
        fields = Fields(b"\r\nA: B")
        self.assertEqual(fields.lower, b"\r\na: b")
        self.assertIs(fields.lower, fields.lower)

    def test_edited(self) -> None:
        """What is made of a section is kept with it alone."""
        one, other = Fields(b""), Fields(b"")
        one.edited["rules"] = b"x"
        self.assertEqual(other.edited, {})

    def test_repr(self) -> None:
        """The repr shows the bytes."""
        self.assertEqual(repr(Fields(b"\r\nA: b")), "Fields(b'\\r\\nA: b')")
        self.assertEqual(repr(RequestFields(b"", b"")), "RequestFields(b'')")
        self.assertEqual(repr(ResponseHead(200, b"OK", b"\r\nA: b")), "ResponseHead(200, b'OK', b'\\r\\nA: b')")


class RequestFieldsTests(SynchronousTestCase):
    """Looking up fields of a request whose places the reader has noted."""

    @given(st.lists(st.tuples(st.sampled_from([b"Host", b"User-Agent", b"referer", b"A"]), VALUES), max_size=5))
    def test_lookup(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """The same is found as by searching."""
        pairs = [(b"TE", b"1"), *(pair for pair in pairs if pair[0] != b"Host"), (b"Host", b"h")]
        read = read_request_fields(section(tuple(pairs)), 100)
        for name in (b"te", b"host", b"user-agent", b"referer", b"a", b"x"):
            self.assertEqual(read.get(name), Fields(read.raw).get(name), name)
            self.assertEqual(read.get(name), RequestFields(read.raw, read.lower).get(name), name)


class HeadTests(SynchronousTestCase):
    """Heads before anything is understood of them."""

    def test_request(self) -> None:
        """A section tells of no body, no host and no wish to close."""
        fields = RequestFields(b"", b"")
        self.assertEqual((fields.host, fields.content_length, fields.chunked, fields.close), (None, None, False, False))

    def test_response(self) -> None:
        """A response is HTTP/1.1, and unusual until it was looked at."""
        head = ResponseHead(404, b"", b"")
        self.assertEqual(
            (head.status, head.minor, head.length, head.persistent, head.usual), (404, 1, None, True, False)
        )
