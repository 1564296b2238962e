"""Upstreams: named peers, and the strategy that chooses among them."""

from __future__ import annotations

from typing import TypeGuard

from attrs import field, frozen

from pydsl_proxy.balancing.smooth_round_robin import round_robin
from pydsl_proxy.config.addresses import Address, parse_address
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.interfaces import Strategy
from pydsl_proxy.numbers import count, seconds
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.spelling import call, options


@frozen(repr=False)
class Peer:
    """One address in an upstream; made by :func:`peer`, or of a plain string."""

    address: str
    weight: int = field(default=1, kw_only=True)
    max_fails: int = field(default=1, kw_only=True)
    fail_timeout: float = field(default=10, kw_only=True)
    max_conns: int | None = field(default=None, kw_only=True)
    backup: bool = field(default=False, kw_only=True)
    down: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    @property
    def endpoint(self) -> Address:
        """What the address says: host and port, or the path of a socket."""
        return parse_address(self.address)

    def __repr__(self) -> str:
        rest = options(self, "weight", "max_fails", "fail_timeout", "max_conns", "backup", "down")
        return call("peer", repr(self.address), rest) if rest else repr(self.address)


@frozen(repr=False)
class Upstream:
    """Named peers; made by :func:`upstream`."""

    name: str
    strategy: Strategy
    peers: tuple[Peer, ...]
    keepalive: int = field(default=32, kw_only=True)
    keepalive_timeout: float = field(default=60, kw_only=True)
    keepalive_requests: int = field(default=1000, kw_only=True)
    keepalive_time: float = field(default=3600, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __repr__(self) -> str:
        strategy = [] if self.strategy == round_robin() else [repr(self.strategy)]
        rest = options(self, "keepalive", "keepalive_timeout", "keepalive_requests", "keepalive_time")
        return call("upstream", repr(self.name), strategy, map(repr, self.peers), rest)


def peer(
    address: str,
    *,
    weight: int = 1,
    max_fails: int = 1,
    fail_timeout: float = 10,
    max_conns: int | None = None,
    backup: bool = False,
    down: bool = False,
) -> Peer:
    """A peer at *address*, ``host:port``, ``[v6]:port`` or ``unix:/path``; the parameters of nginx's ``server``.

    It gets *weight* shares of the requests.  After *max_fails* failures within *fail_timeout* seconds it is left alone
    for as long; 0 never does so.  *max_conns* connections at most are in use at a time, None is any number.  A
    *backup* is used while no other peer can be; a peer that is *down* never.
    """
    parse_address(address)
    count(f"peer({address!r}, weight=…)", weight, least=1)
    count(f"peer({address!r}, max_fails=…)", max_fails, least=0)
    seconds(f"peer({address!r}, fail_timeout=…)", fail_timeout)
    if max_conns is not None:
        if max_conns == 0:
            raise ConfigError(f"peer({address!r}, max_conns=0) would never be used", hint="leave it out for no limit")
        count(f"peer({address!r}, max_conns=…)", max_conns, least=1)
    return Peer(
        address,
        weight=weight,
        max_fails=max_fails,
        fail_timeout=fail_timeout,
        max_conns=max_conns,
        backup=bool(backup),
        down=bool(down),
    )


def upstream(
    name: str,
    strategy_or_peer: Strategy | Peer | str | None = None,
    /,
    *peers: Peer | str,
    keepalive: int = 32,
    keepalive_timeout: float = 60,
    keepalive_requests: int = 1000,
    keepalive_time: float = 3600,
    via: None = None,
    tls: None = None,
) -> Upstream:
    """The upstream *name*: peers, with a strategy before them that chooses (:func:`round_robin` unless told).

    Peers are addresses, or made by :func:`peer`.  *keepalive* idle connections are kept to each peer, for
    *keepalive_timeout* seconds; one is closed after *keepalive_requests* requests, or when it is *keepalive_time*
    seconds old.
    """
    for option, value in (("via", via), ("tls", tls)):
        if value is not None:
            raise ConfigError(f"upstream({option}=…) is not available in this version", hint="leave it out")
    count("upstream(keepalive=…)", keepalive, least=0)
    seconds("upstream(keepalive_timeout=…)", keepalive_timeout)
    count("upstream(keepalive_requests=…)", keepalive_requests, least=1)
    seconds("upstream(keepalive_time=…)", keepalive_time)
    first: tuple[Strategy | Peer | str, ...] = () if strategy_or_peer is None else (strategy_or_peer,)
    strategy: Strategy = round_robin()
    if first and _is_strategy(first[0]):
        strategy, first = first[0], ()
        _check_hashable(name, strategy)
    made = tuple(_peer(name, each) for each in (*first, *peers))
    _check_name(name, made)
    _check_peers(name, made)
    return Upstream(
        name,
        strategy,
        made,
        keepalive=keepalive,
        keepalive_timeout=keepalive_timeout,
        keepalive_requests=keepalive_requests,
        keepalive_time=keepalive_time,
    )


def alone(address: str) -> Upstream:
    """The upstream of one peer that ``proxy_to("host:port")`` stands for; its name is the address."""
    return Upstream(address, round_robin(), (peer(address),))


def _check_hashable(name: str, strategy: Strategy) -> None:
    """An upstream is known by what it says, across reloads too."""
    try:
        hash(strategy)
    except TypeError:
        raise ConfigError(
            f"upstream({name!r}): the strategy {strategy!r} cannot be hashed",
            hint="make its class frozen: @attrs.frozen, or @dataclass(frozen=True)",
        ) from None


def _is_strategy(value: object) -> TypeGuard[Strategy]:
    return callable(getattr(value, "compile", None)) and not isinstance(value, str | Peer | type)


def _peer(name: str, value: object) -> Peer:
    """*value* as a peer, or the error of what stands in its place."""
    if isinstance(value, Peer):
        return value
    if isinstance(value, str):
        return peer(value)
    if isinstance(value, list | tuple | set):
        raise ConfigError(
            f"upstream({name!r}): the peers are in a {type(value).__name__}", hint=f"write upstream({name!r}, *peers)"
        )
    if _is_strategy(value):
        raise ConfigError(
            f"upstream({name!r}): {value!r} stands after a peer", hint="write the strategy right after the name"
        )
    if callable(value):
        called = getattr(value, "__name__", "round_robin")
        raise ConfigError(f"upstream({name!r}): {called} is not called", hint=f"write {called}()")
    raise ConfigError(f"upstream({name!r}): {value!r} is not a peer", hint='write "host:port" or peer("host:port", …)')


def _check_name(name: str, peers: tuple[Peer, ...]) -> None:
    if not isinstance(name, str):
        raise ConfigError(f"upstream(): the name must be a string, not {name!r}", hint='write upstream("app", …)')
    if not name or not name.isprintable() or " " in name:
        raise ConfigError(f"upstream(): {name!r} is not a name", hint='write upstream("app", …)')
    # An upstream of one peer may be called as its peer is: proxy_to("host:port") makes such a one.
    if [each.address for each in peers] != [name] and _is_address(name):
        every = ", ".join([f'"{name}"', *map(repr, peers)])
        raise ConfigError(
            f"upstream(): {name!r} is an address; the first argument is the name",
            hint=f'write upstream("app", {every})',
        )


def _check_peers(name: str, peers: tuple[Peer, ...]) -> None:
    if not peers:
        raise ConfigError(f"upstream {name!r} has no peers", hint=f'write upstream("{name}", "127.0.0.1:9000")')
    seen: set[str] = set()
    for each in peers:
        if each.address in seen:
            raise ConfigError(
                f"upstream {name!r}: {each.address} stands twice",
                origin=each.origin,
                hint=f'write it once, as peer("{each.address}", weight=2) for two shares',
            )
        seen.add(each.address)
    if all(each.down for each in peers):
        raise ConfigError(f"upstream {name!r}: every peer is down", hint="leave down=True out of one of them")
    if all(each.backup for each in peers):
        raise ConfigError(f"upstream {name!r}: every peer is a backup", hint="leave backup=True out of one of them")


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ConfigError:
        return False
    return True
