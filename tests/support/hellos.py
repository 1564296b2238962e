"""ClientHellos: what OpenSSL writes, and what is put together by hand."""

from __future__ import annotations

import ssl

HANDSHAKE = 22


def openssl_hello(name: str | None, *, ciphers: str | None = None, alpn: tuple[str, ...] = ()) -> bytes:
    """The first bytes of OpenSSL as a client that asks for *name*."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ciphers is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def vector(width: int, data: bytes) -> bytes:
    """*data* with its length before it, a number of *width* bytes."""
    return len(data).to_bytes(width, "big") + data


def extension(kind: int, content: bytes) -> bytes:
    """One extension."""
    return kind.to_bytes(2, "big") + vector(2, content)


def name_extension(name: bytes, kind: int = 0) -> bytes:
    """The extension with the server name."""
    return extension(0, vector(2, bytes((kind,)) + vector(2, name)))


def body_of(*extensions: bytes) -> bytes:
    """The body of a ClientHello; without extensions it ends before them, as in the first versions of TLS."""
    fixed = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0")
    return fixed + (vector(2, b"".join(extensions)) if extensions else b"")


def message_of(body: bytes, kind: int = 1) -> bytes:
    """A handshake message."""
    return bytes((kind,)) + vector(3, body)


def records_of(message: bytes, size: int = 1 << 14) -> bytes:
    """*message* in records of *size* bytes at most."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(bytes((HANDSHAKE, 3, 1)) + vector(2, piece) for piece in pieces)
