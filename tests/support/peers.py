"""Doubles of what a strategy sees: peers with their counters, and an exchange with its request."""

from __future__ import annotations

from collections.abc import Container, Sequence
from random import Random
from typing import TYPE_CHECKING, cast

from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.http.head import RequestFields

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange, PeerState, Pick, Strategy


class FakePeer:
    """A peer as a strategy sees it, to be set at will."""

    def __init__(self, name: str, weight: int = 1) -> None:
        self.name = name
        self.weight = weight
        self.usable = True
        self.in_flight = 0
        self.current_weight = 0
        self.effective_weight = weight

    def __repr__(self) -> str:
        return f"<{self.name}>"


class FakeHead:
    """A request's head made of its parts."""

    def __init__(self, target: bytes = b"/", fields: bytes = b"", method: bytes = b"GET", minor: int = 1) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        raw = b"".join(b"\r\n" + line for line in fields.splitlines())
        self.fields = RequestFields(raw, raw.lower())


class FakeExchange:
    """As much of an exchange as a strategy looks at."""

    def __init__(self, client_address: str = "192.0.2.1", key: str = "") -> None:
        self.client_address = client_address
        head = FakeHead(fields=f"x-key: {key}".encode("latin-1"))
        self.request = Request(head, client_address, 40000, "http", "example.com", b"/", 80)


def peers_of(*weights: int) -> list[FakePeer]:
    """Peers ``127.0.0.1:9101`` and so on, of these weights."""
    return [FakePeer(f"127.0.0.1:{9101 + place}", weight) for place, weight in enumerate(weights)]


class Chooser:
    """A strategy compiled for some peers, whose choices are told by the peers' numbers, from 1."""

    def __init__(self, strategy: Strategy, peers: Sequence[FakePeer], random: Random | None = None) -> None:
        self.peers = peers
        self._pick: Pick = strategy.compile(peers, random or Random(1))

    def peer(self, address: str = "192.0.2.1", key: str = "", tried: Container[PeerState] = ()) -> PeerState | None:
        """The peer picked for a client and an ``x-key`` field."""
        # The double has what a strategy may look at, not all that an Exchange has.
        return self._pick(cast("Exchange", FakeExchange(address, key)), tried)

    def number(self, address: str = "192.0.2.1", key: str = "", tried: Container[PeerState] = ()) -> int:
        """The number of the peer picked; 0 if none."""
        peer = self.peer(address, key, tried)
        return 0 if peer is None else [p is peer for p in self.peers].index(True) + 1


def letters(chooser: Chooser, count: int, key: str = "") -> str:
    """So many choices in a row, each a letter: ``aabacaa``."""
    return "".join("-abcdefgh"[chooser.number(key=key)] for _ in range(count))


def attempts(chooser: Chooser, address: str = "192.0.2.1", key: str = "") -> str:
    """The numbers of the peers in the order in which one exchange tries them when all fail: ``42135``."""
    tried: list[PeerState] = []
    order = ""
    while (number := chooser.number(address, key, tried)) != 0:
        tried.append(chooser.peers[number - 1])
        order += str(number)
    return order
