"""Whom an address stands for when clients are counted: one IPv4 address, or one IPv6 network."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

# RFC 4291 2.5.5.2: an IPv4 address as a socket for both versions tells it.
_MAPPED = bytes(10) + b"\xff\xff"


def network_of(address: str) -> str:
    """An IPv4 address as it is, of an IPv6 address its network: ``2001:db8:1:2::/64``.

    A subscriber of IPv6 is given a /64 at the least (RFC 6177), and may write from any of its 2^64 addresses.  IPv4
    inside IPv6 is IPv4.  What is no address, as ``unix:``, is left as it is.
    """
    if ":" not in address:
        return address
    try:
        packed = inet_pton(AF_INET6, address.partition("%")[0])
    except OSError:
        return address
    if packed.startswith(_MAPPED):
        return inet_ntop(AF_INET, packed[12:])
    return inet_ntop(AF_INET6, packed[:8] + bytes(8)) + "/64"
