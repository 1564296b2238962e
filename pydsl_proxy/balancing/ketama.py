"""The consistent ring: taking a peer out or in moves only the keys that were or become its own.

The points are those of nginx's ``hash … consistent`` and of Cache::Memcached::Fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import PeerState

POINTS: Final = 160
"""Points on the ring for a weight of 1."""


def points_of(name: str, weight: int) -> list[int]:
    """The points of the peer called *name*, ``host:port`` or ``unix:/path``: a chain of CRC32, *weight* times 160.

    The name is hashed as it is written, ``localhost`` and ``127.0.0.1`` are two peers; one without a port is hashed
    without, as nginx does with ``server 10.0.0.1;`` although it then connects to port 80.
    """
    base = crc32(b"%b\0%b" % _host_and_port(name))
    point, points = 0, []
    for _ in range(weight * POINTS):
        point = crc32(point.to_bytes(4, "little"), base)
        points.append(point)
    return points


def ring(peers: Sequence[PeerState]) -> tuple[list[int], list[tuple[PeerState, ...]]]:
    """The points in order, and for each the peers it belongs to: those of one name, almost always one.

    Where two peers have the same point, it is the first one's.
    """
    named: dict[str, list[PeerState]] = {}
    for peer in peers:
        named.setdefault(peer.name, []).append(peer)
    owners: dict[int, tuple[PeerState, ...]] = {}
    for peer in peers:
        owner = tuple(named[peer.name])
        for point in points_of(peer.name, peer.weight):
            owners.setdefault(point, owner)
    points = sorted(owners)
    return points, [owners[point] for point in points]


def _host_and_port(name: str) -> tuple[bytes, bytes]:
    if name[:5].lower() == "unix:":
        return name[5:].encode(), b""
    host, colon, port = name.rpartition(":")
    if colon and (not port or (port.isascii() and port.isdigit())):
        return host.encode(), port.encode()
    return name.encode(), b""
