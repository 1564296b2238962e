"""Connections to peers that belong to one connection of a client: a peer has bound a user to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydsl_proxy.interfaces import IdleConnection
from pydsl_proxy.wire.connection.forwarded import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydsl_proxy.runtime.upstream.peer import Peer

# Idle ones of one client to one peer: a client of HTTP/2 has several requests at once.
MAX_IDLE: Final = 8


class Pins:
    """The idle ones of one client, by peer; they are closed with the client's connection."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._idle: dict[Peer, list[IdleConnection]] = {}

    def release(self, peer: Peer, connection: IdleConnection) -> bool:
        """Keep an idle connection; False if it is to be closed."""
        idle = self._idle.setdefault(peer, [])
        if not self._keeps or len(idle) >= MAX_IDLE:
            return False
        idle.append(connection)
        return True

    def forget(self, peer: Peer, connection: IdleConnection) -> None:
        """An idle connection is gone."""
        idle = self._idle.get(peer, [])
        if connection in idle:
            idle.remove(connection)

    def take(self, peer: Peer) -> IdleConnection | None:
        """An idle connection to *peer*."""
        idle = self._idle.get(peer)
        return idle.pop() if idle else None

    def peer_among(self, peers: Sequence[Peer]) -> Peer | None:
        """The one of *peers* that has bound a user to a connection that is idle."""
        return next((peer for peer in peers if self._idle.get(peer) and not peer.down), None)

    def close(self) -> None:
        """The client's connection is gone."""
        self._keeps = False
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            # Each one forgets itself.
            for connection in tuple(connections):
                connection.close()


def pins_of(identity: Identity) -> Pins:
    """The connections of the client whose *identity* it is.

    Where a trusted proxy tells whose request it is, its connection is not one client's: nothing is kept.
    """
    base = identity.base or identity
    if base.pins is None:
        base.pins = Pins(keeps=not base.believed)
    identity.pins = base.pins
    assert isinstance(base.pins, Pins)
    return base.pins
