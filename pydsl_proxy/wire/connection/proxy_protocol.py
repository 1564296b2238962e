"""The PROXY protocol, versions 1 and 2: a proxy's word about the client whose bytes follow.

The specification is HAProxy's ``doc/proxy-protocol.txt``; sections are those of its revision of 2020/03/05.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from pydsl_proxy.wire.http.grammar import CRLF, Malformed

#: An IP address and a port.
SocketAddress: TypeAlias = tuple[str, int]

# 2.1: "a 108-byte buffer is always enough to store all the line and a trailing zero".
MAX_V1: Final = 107
# The length field allows 64 KiB; nginx's NGX_PROXY_PROTOCOL_MAX_HEADER.  Addresses take 216 bytes at most, the rest is
# for TLVs: a TLS certificate's name, the identifiers of clouds.
MAX_V2: Final = 4096

_BEGIN_V1: Final = b"PROXY "
_BEGIN_V2: Final = b"\r\n\r\n\x00\r\nQUIT\n"
# Up to the length, with it.
_FIXED_V2: Final = 16

_read_line = re.compile(rb"PROXY TCP([46]) ([!-~]+) ([!-~]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})").fullmatch
_is_unknown = re.compile(rb"PROXY UNKNOWN(?: [\t -~\x80-\xff]*)?").fullmatch

# 2.2: what a family and a transport are, and the bytes of its addresses.
_STREAM: Final = 1
_SIZES: Final = {0: 0, 1: 12, 2: 36, 3: 216}
_KINDS: Final = {1: (IPv4Address, 4), 2: (IPv6Address, 16)}


class ProxyHeader:
    """A header that was read: its *size* in bytes, from where the client connected, and to where.

    Both are None where nothing is told that could be used, and the addresses of the connection itself hold: the proxy
    spoke for itself (``LOCAL``, as in health checks), does not know (``UNKNOWN``, ``UNSPEC``), or the client came by
    something else than TCP, as a UNIX socket of the proxy's machine.
    """

    __slots__ = ("destination", "size", "source")

    def __init__(
        self, size: int, source: SocketAddress | None = None, destination: SocketAddress | None = None
    ) -> None:
        self.size = size
        self.source = source
        self.destination = destination


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header with which *data* begins; None while it is not complete.

    It never asks for more than :data:`MAX_V2` bytes.  Raises :class:`~pydsl_proxy.wire.http.grammar.Malformed`.
    """
    if data.startswith(_BEGIN_V2):
        return _read_v2(data)
    if data.startswith(_BEGIN_V1):
        return _read_v1(data)
    if _BEGIN_V2.startswith(data) or _BEGIN_V1.startswith(data):
        return None
    raise Malformed("there is no PROXY header")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(CRLF, 0, MAX_V1)
    if end == -1:
        if len(data) >= MAX_V1:
            raise Malformed(f"the PROXY line is longer than {MAX_V1} bytes")
        return None
    line, size = data[:end], end + 2
    # 2.1: of what follows UNKNOWN nothing is to be looked at.
    if _is_unknown(line):
        return ProxyHeader(size)
    match = _read_line(line)
    if match is None:
        raise Malformed("the PROXY line cannot be read")
    family, source, destination, source_port, destination_port = match.groups()
    kind = IPv4Address if family == b"4" else IPv6Address
    return ProxyHeader(size, _place(kind, source, source_port), _place(kind, destination, destination_port))


def _place(kind: type[IPv4Address | IPv6Address], address: bytes, port: bytes) -> SocketAddress:
    try:
        parsed = kind(address.decode())
    except AddressValueError:
        raise Malformed("the PROXY line has an address that is none of its family") from None
    # Python reads the zone of a link-local address too, which has a meaning only on the machine that wrote it.
    if b"%" in address or int(port) > 65535:
        raise Malformed("the PROXY line has a zone or a port that is out of range")
    return str(parsed), int(port)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED_V2:
        return None
    version, command = data[12] >> 4, data[12] & 15
    family, transport = data[13] >> 4, data[13] & 15
    length = int.from_bytes(data[14:16], "big")
    # 2.2: receivers must drop connections with other values.
    if version != 2 or command > 1 or family > 3 or transport > 2:
        raise Malformed("the PROXY header has a version, command, family or transport that is not defined")
    size = _FIXED_V2 + length
    if size > MAX_V2:
        raise Malformed(f"the PROXY header is longer than {MAX_V2} bytes")
    if command and transport and length < _SIZES[family]:
        raise Malformed("the PROXY header is too short for its addresses")
    if len(data) < size:
        return None
    if not command or transport != _STREAM or family not in _KINDS:
        return ProxyHeader(size)
    kind, width = _KINDS[family]
    addresses = [str(kind(data[at : at + width])) for at in (_FIXED_V2, _FIXED_V2 + width)]
    ports = [int.from_bytes(data[at : at + 2], "big") for at in (_FIXED_V2 + 2 * width, _FIXED_V2 + 2 * width + 2)]
    return ProxyHeader(size, (addresses[0], ports[0]), (addresses[1], ports[1]))


def write_proxy_header(version: int, source: SocketAddress, destination: SocketAddress) -> bytes:
    """The header, in version 1 or 2, of a client at *source* that connected to *destination*.

    Where one of the two is no IP address, as with a UNIX socket, it tells that nothing is known.
    """
    try:
        ends = [ip_address(address.partition("%")[0]) for address, _ in (source, destination)]
    except ValueError:
        return b"PROXY UNKNOWN\r\n" if version == 1 else _BEGIN_V2 + b"\x21\x00\x00\x00"
    if ends[0].version != ends[1].version:
        # A client that another proxy told of, at a listener of the other family: RFC 4291 2.5.5.2.
        ends = [IPv6Address(f"::ffff:{each}") if isinstance(each, IPv4Address) else each for each in ends]
    is_v4 = ends[0].version == 4
    if version == 1:
        family = 4 if is_v4 else 6
        return f"PROXY TCP{family} {ends[0]} {ends[1]} {source[1]} {destination[1]}\r\n".encode()
    packed = b"".join([each.packed for each in ends]) + b"".join(
        [port.to_bytes(2, "big") for _, port in (source, destination)]
    )
    return _BEGIN_V2 + (b"\x21\x11" if is_v4 else b"\x21\x21") + len(packed).to_bytes(2, "big") + packed
