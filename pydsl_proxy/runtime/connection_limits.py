"""How many connections clients have, in all and each of them, and who gets no more."""

from __future__ import annotations

from twisted.logger import Logger

from pydsl_proxy.errors.rate_limited import RateLimited
from pydsl_proxy.interfaces import ClientLimits, Drainable
from pydsl_proxy.net.reactors import Clock
from pydsl_proxy.wire.connection.client_networks import network_of
from pydsl_proxy.wire.connection.forwarded import TrustedProxies

log = Logger()


class ConnectionLimiter:
    """Counts the connections of clients at all listeners.

    Each client's are counted while they are limited.  Clients behind a trusted proxy share its connections, and those
    of a UNIX socket have no address: of these only the sum is limited.
    """

    def __init__(self, clock: Clock) -> None:
        self._all = 0
        self._networks: dict[Drainable, str] = {}
        self._each: dict[str, int] = {}
        self._limit = RateLimited(clock.seconds)

    def __len__(self) -> int:
        return self._all

    def enter(
        self,
        connection: Drainable,
        address: str,
        clients: ClientLimits,
        trusted: TrustedProxies | None,
        shown: str | None = None,
    ) -> bool:
        """Count a connection, unless it is one too many; the log has *shown* in the place of its address."""
        most, most_each = clients.connections, clients.connections_per_client
        if most is not None and self._all >= most:
            self._tell(f"{self._all} connections are open, clients(connections={most})", shown or address)
            return False
        if most_each is not None and address != "unix:" and (trusted is None or not trusted.trusts(address)):
            network = network_of(address)
            number = self._each.get(network, 0)
            if number >= most_each:
                self._tell(f"{network} has {number}, clients(connections_per_client={most_each})", address)
                return False
            self._each[network] = number + 1
            self._networks[connection] = network
        self._all += 1
        return True

    def leave(self, connection: Drainable) -> None:
        """One that was counted is gone."""
        self._all -= 1
        network = self._networks.pop(connection, None) if self._networks else None
        if network is not None:
            left = self._each[network] - 1
            if left:
                self._each[network] = left
            else:
                del self._each[network]

    def _tell(self, why: str, address: str) -> None:
        if refused := self._limit.note():
            text = "{refused} connections were closed at once, the last one of {address}: {why}"
            log.warn(text, refused=refused, address=address, why=why)
