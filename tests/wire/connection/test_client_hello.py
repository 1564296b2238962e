"""Tests of the reader of ClientHellos."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.connection.client_hello import MOST, ClientHelloReader
from pydsl_proxy.wire.http.grammar import Malformed
from tests.support.hellos import body_of, extension, message_of, name_extension, openssl_hello, records_of

# RFC 8701: values that mean nothing, at which nothing may stumble.
GREASE = extension(0x0A0A, b"") + extension(0xFAFA, b"\0")
HELLOS = {
    name: openssl_hello(name or None, ciphers=ciphers, alpn=alpn)
    for name, ciphers, alpn in (
        ("db.example.com", None, ()),
        ("a.test", None, ("h2", "http/1.1")),
        ("old.example.org", "ECDHE+AESGCM", ()),
        ("", None, ("postgresql",)),
    )
}


def read(*pieces: bytes) -> bytes | str | None:
    """What comes of *pieces*, read one after the other: the name, what is wrong, or None while more is awaited."""
    reader = ClientHelloReader()
    name = None
    try:
        for piece in pieces:
            name = reader.feed(piece)
            if name is not None:
                return name
    except Malformed as error:
        return error.detail
    return name


class OpensslTests(SynchronousTestCase):
    """What a real client writes."""

    def test_names(self) -> None:
        """The name that was asked for, or none."""
        for name, hello in HELLOS.items():
            self.assertEqual(read(hello), name.encode())

    def test_truncated(self) -> None:
        """While it is not complete more is awaited, wherever it was cut."""
        for hello in HELLOS.values():
            for end in range(len(hello)):
                self.assertIsNone(read(hello[:end]), end)

    @given(st.sampled_from(sorted(HELLOS)), st.lists(st.integers(1, 600), max_size=8), st.integers(1, 700))
    def test_any_pieces(self, name: str, cuts: list[int], size: int) -> None:
        """Neither the reads nor the records in which it comes make a difference, nor what follows."""
        hello = records_of(HELLOS[name][5:], size) + b"more"
        places = sorted({cut for cut in cuts if cut < len(hello)})
        pieces = [hello[start:end] for start, end in zip([0, *places], [*places, len(hello)], strict=True)]
        self.assertEqual(read(*pieces), name.encode())

    @given(st.sampled_from(sorted(HELLOS)), st.integers(0, 1 << 16), st.integers(1, 255))
    def test_one_byte_changed(self, name: str, place: int, change: int) -> None:
        """Whatever a byte is changed to, there is a name, an error or the wish for more, and nothing else."""
        hello = bytearray(HELLOS[name])
        hello[place % len(hello)] ^= change
        read(bytes(hello))

    @given(st.binary(max_size=200))
    def test_any_bytes(self, data: bytes) -> None:
        """The same of any bytes."""
        read(data)
        read(records_of(message_of(data)) if data else b"")


class StrictTests(SynchronousTestCase):
    """What has more than one reading, or none, is refused."""

    def test_not_tls(self) -> None:
        """HTTP, SSH, an SSL 2 hello, and another TLS record than a handshake's; with the first byte that tells."""
        for data in (b"G", b"SSH-2.0", b"\x80\x2e\x01", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x02"):
            self.assertEqual(read(data), "there is no TLS handshake")

    def test_another_message(self) -> None:
        """A handshake that begins with something else."""
        self.assertEqual(
            read(records_of(message_of(body_of(), 2))), "the TLS handshake does not begin with a ClientHello"
        )

    def test_record_lengths(self) -> None:
        """A record is not empty and has 16 KiB at most (RFC 8446 5.1)."""
        for length in (b"\0\0", b"\x40\x01", b"\xff\xff"):
            self.assertEqual(read(b"\x16\x03\x01" + length), "a TLS record has a length that cannot be")

    def test_too_long(self) -> None:
        """A hello is read up to 16 KiB, whether its length or its bytes say that it is longer."""
        self.assertEqual(read(b"\x16\x03\x01\x00\x04\x01" + (MOST + 1).to_bytes(3, "big")), f"{LONG}")
        tiny = b"".join(b"\x16\x03\x01\x00\x01" + bytes((each,)) for each in message_of(bytes(MOST - 100)))
        self.assertEqual(read(*(tiny[at : at + 1000] for at in range(0, len(tiny), 1000))), LONG)

    def test_many_records(self) -> None:
        """Records of one byte, which a client may send in one read, are each looked at once, up to 16 KiB of them."""
        size = MOST // 6 - 10
        tiny = b"".join(b"\x16\x03\x01\x00\x01" + bytes((each,)) for each in message_of(bytes(size)))
        self.assertEqual(read(tiny), "the ClientHello has a version that is not TLS")
        tiny = b"".join(b"\x16\x03\x01\x00\x01" + bytes((each,)) for each in message_of(bytes(MOST - 100)))
        # What is behind is not even looked at.
        self.assertEqual(read(tiny[:60_000] + b"?" * 5_000), LONG)

    def test_names(self) -> None:
        """Lower case, without a dot at the end; nothing but what a host name has."""
        for given_name, name in ((b"A.Example.COM", b"a.example.com"), (b"a.test.", b"a.test"), (b"x_y", b"x_y")):
            self.assertEqual(read(hello(GREASE, name_extension(given_name))), name)
        for wrong in (b"", b"a\0b", b"a b", b"a..b", b".a", b"a/b", b"\xc3\xa4.test", b"[::1]", b"a" * 256):
            self.assertEqual(
                read(hello(name_extension(wrong))), "the server name in the ClientHello is no host name", wrong
            )

    def test_no_name(self) -> None:
        """Without the extension, and without any extensions, as TLS 1.0 had it."""
        self.assertEqual(read(hello(GREASE)), b"")
        self.assertEqual(read(records_of(message_of(body_of()))), b"")

    def test_two_names(self) -> None:
        """Who is served by the first and looked up by the second would be two servers."""
        twice = name_extension(b"a.test") + name_extension(b"b.test")
        self.assertEqual(read(hello(twice)), "the ClientHello has two server names")
        listed = extension(0, b"\x00\x10" + (b"\0\x00\x05a.tst" * 2))
        self.assertEqual(read(hello(listed)), "the ClientHello has bytes that belong to nothing")
        other = name_extension(b"a.test", kind=1)
        self.assertEqual(read(hello(other)), "the ClientHello has a server name of an unknown kind")

    def test_lengths(self) -> None:
        """Vectors that are longer or shorter than what they stand in."""
        body = body_of(name_extension(b"a.test"))
        self.assertEqual(read(records_of(message_of(body[:-1]))), "the ClientHello ends early")
        self.assertEqual(read(records_of(message_of(body + b"x"))), "the ClientHello has bytes that belong to nothing")
        self.assertEqual(
            read(records_of(message_of(b"\x02\x03" + body[2:]))), "the ClientHello has a version that is not TLS"
        )


LONG = f"the ClientHello is longer than {MOST} bytes"


def hello(*extensions: bytes) -> bytes:
    """A hello with these extensions."""
    return records_of(message_of(body_of(*extensions)))
