"""The living upstreams: which peers are usable, and which of them an exchange is sent to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from math import inf
from random import Random
from typing import Protocol, TypeVar, cast

from twisted.logger import Logger

from pydsl_proxy.interfaces import Exchange, PeerState, Pick, Strategy
from pydsl_proxy.runtime.upstream.peer import Peer

log = Logger()


# Seconds for which a peer is passed over at first if its failure was brief, as that of one that is restarted is: gRPC's
# first connection backoff.
FIRST_PAUSE = 1.0

E = TypeVar("E", bound=Exchange)
Asks = TypeVar("Asks", bound=Exchange, contravariant=True)


class Tries(Protocol[Asks]):
    """Who asks for a peer."""

    def may_fail(self, exchange: Asks, /, *, sent: bool) -> bool:
        """Whether another peer is tried if the next one fails; *sent* says that it may have the request then."""


class Upstream:
    """A group of peers.

    Passive checks are nginx's: after ``max_fails`` failures, each within ``fail_timeout`` seconds of the one before,
    a peer is passed over for ``fail_timeout`` seconds; then one live request tries it.  Unlike nginx:

    - After a brief failure, which cost no time, it is passed over for a second, and for twice as long after each time
      that it is tried, up to ``fail_timeout``.
    - If it may have got the request that failed, it is not tried by a request that could not be sent to another peer
      after that, unless no other one has come within a further ``fail_timeout``.
    - nginx spares only groups of one.  Here the last usable peer is never taken out, and peers that are passed over are
      tried before an exchange is answered with an error: a peer that may fail is better than an error that is sure.
    """

    def __init__(self, name: str, strategy: Strategy, peers: Sequence[tuple[Peer, bool]], random: Random) -> None:
        self.name = name
        self.peers = tuple(peer for peer, _ in peers)
        primaries = [peer for peer, backup in peers if not backup]
        backups = [peer for peer, backup in peers if backup]
        pick = strategy.compile(primaries, random)
        if backups:
            pick = _with_backups(pick, strategy.compile(backups, random))
        # A pick chooses among the peers that it was compiled for, and not another PeerState.
        self._choose = cast("Callable[[Exchange, Collection[Peer]], Peer | None]", pick)
        # When the first failed peer may be tried again.
        self._revives = inf

    def select(
        self, exchange: E, tried: Collection[Peer], now: float, tries: Tries[E], *, failed: bool = True
    ) -> Peer | None:
        """A peer for the next attempt; None if none is left.  Backups are for when no other peer can be had.

        If no other peer is left, one that failed is tried, unless *failed* is false.
        """
        if now > self._revives:
            self._revive(now)
        peer = self._choose(exchange, tried)
        if peer is None:
            return self._failed_peer(exchange, tried) if failed else None
        if peer.fails and now - peer.checked > peer.pause:
            return self._probe(peer, exchange, tried, now, tries)
        return peer

    def _failed_peer(self, exchange: Exchange, tried: Collection[Peer]) -> Peer | None:
        """The peer that the strategy chooses if all that failed count as usable; one that is full still does not.

        The attempt is a probe: if it succeeds, the peer is up again at once.
        """
        out = [peer for peer in self.peers if peer.failed and peer not in tried]
        if not out:
            return None
        for peer in out:
            peer.failed = False
            peer.update()
        try:
            chosen = self._choose(exchange, tried)
        finally:
            for peer in out:
                peer.failed = True
                peer.update()
        if chosen is not None:
            # Not the time at which the exchange began, which may be before the failure.
            chosen.checked = chosen.seconds()
            self._revives = min(self._revives, chosen.checked + chosen.pause)
        return chosen

    def _revive(self, now: float) -> None:
        self._revives = inf
        for peer in self.peers:
            if peer.failed:
                if now - peer.checked > peer.pause:
                    peer.failed = False
                    peer.update()
                else:
                    self._revives = min(self._revives, peer.checked + peer.pause)

    def _probe(self, peer: Peer, exchange: E, tried: Collection[Peer], now: float, tries: Tries[E]) -> Peer:
        """One live request tries a peer that failed; others pass it over until that one is answered.

        If *exchange* is not that request, it is given another peer.
        """
        if peer.max_fails and peer.fails >= peer.max_fails and self._has_other(peer):
            overdue = now - peer.checked > peer.pause + peer.fail_timeout
            if not overdue and not tries.may_fail(exchange, sent=peer.takes_requests):
                other = self.select(exchange, (*tried, peer), now, tries, failed=False)
                if other is not None:
                    return other
            peer.failed = True
            peer.update()
            peer.pause = min(2 * peer.pause, peer.fail_timeout)
            self._revives = min(self._revives, now + peer.pause)
        peer.checked = now
        return peer

    def _has_other(self, peer: Peer) -> bool:
        return any(not (other.down or other.failed) for other in self.peers if other is not peer)

    def succeeded(self, peer: Peer) -> None:
        """A peer that had failed has answered."""
        if peer.accessed < peer.checked:
            was_out = peer.max_fails and peer.fails >= peer.max_fails
            peer.fails = 0
            peer.pause = peer.fail_timeout
            peer.failed = False
            peer.update()
            if was_out:
                log.info("upstream {upstream}: peer {peer} is up again", upstream=self.name, peer=peer.name)

    def failed(self, peer: Peer, now: float, why: str, *, brief: bool = False, sent: bool = True) -> None:
        """An attempt at a peer has failed; *why* is for the log.

        *brief* says that this cost no time, *sent* that the peer may have got the request.
        """
        peer.fails += 1
        peer.takes_requests = sent
        peer.accessed = peer.checked = now
        if not peer.max_fails:
            return
        peer.effective_weight = max(0, peer.effective_weight - peer.weight // peer.max_fails)
        other = self._has_other(peer)
        if not brief:
            peer.pause = peer.fail_timeout
        if peer.fails == peer.max_fails:
            if brief:
                peer.pause = min(FIRST_PAUSE, peer.fail_timeout)
            state = "is down" if other else "fails, and is used all the same for want of another"
            log.warn(
                "upstream {upstream}: peer {peer} {state}: {why}",
                upstream=self.name,
                peer=peer.name,
                state=state,
                why=why,
            )
        if peer.fails >= peer.max_fails and other:
            peer.failed = True
            peer.update()
            self._revives = min(self._revives, now + peer.pause)

    def close(self) -> None:
        """Close idle connections; those in use close when their attempt is over."""
        for peer in self.peers:
            peer.close_idle()


def _with_backups(pick: Pick, pick_backup: Pick) -> Pick:
    """Backups are for when no other peer can be had."""

    def choose(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
        peer = pick(exchange, tried)
        return pick_backup(exchange, tried) if peer is None else peer

    return choose
