"""Networks in an order, of which the first that has an address counts: compiled into a table of ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Generic, TypeVar

from pydsl_proxy.wire.connection.forwarded import parse_address

T = TypeVar("T")

#: What stands for every client, and for those at a UNIX socket.
ALL, UNIX = "all", "unix:"
_EVERY = (ip_network("0.0.0.0/0"), ip_network("::/0"))

# Addresses whose answer is remembered; a client asks again and again.
MAX_REMEMBERED = 4096


class _Ranges(Generic[T]):
    """Values over the numbers from 0 on."""

    def __init__(self) -> None:
        self._starts = [0]
        self._values: list[T | None] = [None]

    def paint(self, low: int, high: int, value: T) -> None:
        """Let *value* hold from *low* to *high*, which is not one of them, whatever held there."""
        starts, values = self._starts, self._values
        first, last = bisect_left(starts, low), bisect_left(starts, high)
        if last == len(starts) or starts[last] != high:
            starts.insert(last, high)
            values.insert(last, values[last - 1])
        starts[first:last] = [low]
        values[first:last] = [value]

    def at(self, number: int) -> T | None:
        return self._values[bisect_right(self._starts, number) - 1]


class AddressTable(Generic[T]):
    """The value of the first network that has an address.

    *rules* are networks, ``all`` or ``unix:``, each with its value.  *unknown* is the value of what is no address.
    """

    def __init__(self, rules: Iterable[tuple[str, T]], unknown: T | None) -> None:
        self._unknown = unknown
        self._unix: T | None = None
        self._ranges: dict[int, _Ranges[T]] = {4: _Ranges(), 6: _Ranges()}
        self._remembered: dict[str, T | None] = {}
        # The first rule counts, so it is painted last.
        for where, value in reversed(tuple(rules)):
            self._paint(where, value)

    def _paint(self, where: str, value: T) -> None:
        if where in (ALL, UNIX):
            self._unix = value
        for network in _EVERY if where == ALL else () if where == UNIX else (ip_network(where),):
            low = int(network.network_address)
            self._ranges[network.version].paint(low, low + network.num_addresses, value)

    def find(self, address: str) -> T | None:
        """The value for *address*, as a transport or a trusted proxy tells it; None if no network has it."""
        try:
            return self._remembered[address]
        except KeyError:
            pass
        value = self._look_up(address)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[address] = value
        return value

    def _look_up(self, address: str) -> T | None:
        if not address or address == UNIX:
            return self._unix
        parsed = parse_address(address)
        return self._unknown if parsed is None else self._ranges[parsed.version].at(int(parsed))
