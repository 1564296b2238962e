"""The first message of TLS, read for the server name in it and left as it is: nginx's ``ssl_preread``.

RFC 8446 4.1.2 has the message, 5.1 the records that carry it, RFC 6066 3 the name (SNI).
"""

from __future__ import annotations

import re
from typing import Final

from pydsl_proxy.wire.http.grammar import Malformed

#: Bytes of a hello with its records; nginx's preread_buffer_size. Post-quantum key shares make it some 2 KiB.
MOST: Final = 16 * 1024

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
# RFC 8446 5.1: of a record, without encryption.
_MAX_FRAGMENT: Final = 1 << 14

# RFC 6066 3: ASCII, "A-labels".  Underscores stand in names that are in use.
_is_name = re.compile(rb"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*\.?").fullmatch


class ClientHelloReader:
    """Takes the bytes of a client until its hello is complete."""

    def __init__(self) -> None:
        self._taken = 0
        self._record = b""
        self._message = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """The server name, in lower case, once the hello is complete; empty if it has none; None before that.

        Raises :class:`~pydsl_proxy.wire.http.grammar.Malformed` for what is no hello, or more than :data:`MOST` bytes
        of one.  Bytes behind the hello are not looked at.
        """
        # Some 2,700 records may carry it, so none is copied but for what it carries.
        record = self._record + data[: MOST - self._taken]
        self._taken += len(data)
        at = 0
        while (end := _end_of_record(record, at)) is not None:
            self._message += record[at + 5 : end]
            at = end
            name = self._name()
            if name is not None:
                return name
        self._record = record[at:]
        if self._taken > MOST:
            raise Malformed(f"the ClientHello is longer than {MOST} bytes")
        return None

    def _name(self) -> bytes | None:
        message = self._message
        if message[0] != _CLIENT_HELLO:
            raise Malformed("the TLS handshake does not begin with a ClientHello")
        if len(message) < 4:
            return None
        size = int.from_bytes(message[1:4], "big")
        if size > MOST:
            raise Malformed(f"the ClientHello is longer than {MOST} bytes")
        if len(message) < 4 + size:
            return None
        return server_name_of(bytes(message[4 : 4 + size]))


def _end_of_record(data: bytes, at: int) -> int | None:
    """Where the record ends that begins at *at*, if it is complete."""
    if data[at : at + 1] not in (b"", b"\x16") or data[at + 1 : at + 2] not in (b"", b"\x03"):
        raise Malformed("there is no TLS handshake")
    if len(data) < at + 5:
        return None
    size = int.from_bytes(data[at + 3 : at + 5], "big")
    if not 0 < size <= _MAX_FRAGMENT:
        raise Malformed("a TLS record has a length that cannot be")
    end = at + 5 + size
    return end if end <= len(data) else None


def server_name_of(body: bytes) -> bytes:
    """The server name, in lower case, in the body of a ClientHello; empty if it has none.

    Raises :class:`~pydsl_proxy.wire.http.grammar.Malformed`.
    """
    hello = _Vectors(body)
    if hello.take(2)[:1] != b"\x03":
        raise Malformed("the ClientHello has a version that is not TLS")
    hello.take(32)
    hello.vector(1)
    hello.vector(2)
    hello.vector(1)
    if hello.at_end:
        return b""
    extensions = _Vectors(hello.vector(2))
    hello.must_end()
    name = None
    while not extensions.at_end:
        kind = int.from_bytes(extensions.take(2), "big")
        content = extensions.vector(2)
        if kind == _SERVER_NAME:
            # RFC 8446 4.2: no extension stands twice.
            if name is not None:
                raise Malformed("the ClientHello has two server names")
            name = _host_name(content)
    return name or b""


def _host_name(extension: bytes) -> bytes:
    """RFC 6066 3: a list of names of different kinds, of which only one is defined."""
    outer = _Vectors(extension)
    names = _Vectors(outer.vector(2))
    outer.must_end()
    if names.take(1)[0] != _HOST_NAME:
        raise Malformed("the ClientHello has a server name of an unknown kind")
    name = names.vector(2)
    names.must_end()
    if len(name) > 255 or not _is_name(name):
        raise Malformed("the server name in the ClientHello is no host name")
    return name.lower().removesuffix(b".")


class _Vectors:
    """RFC 8446 3.4: bytes, and vectors with their length before them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._data)

    def take(self, size: int) -> bytes:
        """The next *size* bytes."""
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise Malformed("the ClientHello ends early")
        return self._data[start : self._at]

    def vector(self, width: int) -> bytes:
        """The next vector, whose length is a number of *width* bytes."""
        return self.take(int.from_bytes(self.take(width), "big"))

    def must_end(self) -> None:
        """Nothing may follow."""
        if not self.at_end:
            raise Malformed("the ClientHello has bytes that belong to nothing")
