"""Upstreams: named peers, and the strategy that chooses among them."""

from __future__ import annotations

import re
from typing import Literal, TypeGuard

import attrs
from attrs import field, frozen

from pydsl_proxy.balancing.smooth_round_robin import round_robin
from pydsl_proxy.config.addresses import Address, UnixAddress, check_single, parse_address, without_https
from pydsl_proxy.config.connector_argument import check_connector, check_hashable
from pydsl_proxy.config.loading.meant import check_strategy_word, named_upstream, without_list
from pydsl_proxy.config.tls.peers import UpstreamTls, upstream_tls
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.not_text import NotText
from pydsl_proxy.errors.numbers import count, seconds
from pydsl_proxy.interfaces import Connector, Strategy
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options


@frozen(repr=False)
class Peer(NotText):
    """One address in an upstream; made by :func:`peer`, or of a plain string.

    ``https`` says that the address was written as a URL; an upstream takes that over for all of its peers.
    """

    address: str
    weight: int = field(default=1, kw_only=True)
    max_fails: int = field(default=1, kw_only=True)
    fail_timeout: float = field(default=10, kw_only=True)
    max_conns: int | None = field(default=None, kw_only=True)
    backup: bool = field(default=False, kw_only=True)
    down: bool = field(default=False, kw_only=True)
    https: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    @property
    def endpoint(self) -> Address:
        """What the address says: host and port, or the path of a socket."""
        return parse_address(self.address)

    def __repr__(self) -> str:
        rest = options(self, "weight", "max_fails", "fail_timeout", "max_conns", "backup", "down")
        address = f"https://{self.address}" if self.https else self.address
        return call("peer", repr(address), rest) if rest else repr(address)


@frozen(repr=False)
class Upstream(NotText):
    """Named peers; made by :func:`upstream`."""

    name: str
    strategy: Strategy
    peers: tuple[Peer, ...]
    keepalive: int = field(default=32, kw_only=True)
    keepalive_timeout: float = field(default=60, kw_only=True)
    keepalive_requests: int = field(default=1000, kw_only=True)
    keepalive_time: float = field(default=3600, kw_only=True)
    via: Connector | None = field(default=None, kw_only=True)
    tls: UpstreamTls | None = field(default=None, kw_only=True)
    send_proxy_protocol: Literal[1, 2] | None = field(default=None, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __repr__(self) -> str:
        strategy = [] if self.strategy == round_robin() else [repr(self.strategy)]
        rest = options(self, "keepalive", "keepalive_timeout", "keepalive_requests", "keepalive_time")
        rest += options(self, "via", "tls", "send_proxy_protocol")
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

    ``https://host``, with a port if it is not 443, asks for TLS: see :func:`upstream`.

    It gets *weight* shares of the requests.  After *max_fails* failures within *fail_timeout* seconds it is left alone
    for as long, or for a second at first if it refused or closed the connection; 0 never does so.  *max_conns*
    connections at most are in use at a time, None is any number.  A *backup* is used while no other peer can be; a peer
    that is *down* never.
    """
    check_single(address)
    below = without_https(address)
    if below is None:
        parse_address(address)
    count(f"peer({address!r}, weight=…)", weight, least=1)
    count(f"peer({address!r}, max_fails=…)", max_fails, least=0)
    seconds(f"peer({address!r}, fail_timeout=…)", fail_timeout)
    if max_conns is not None:
        if max_conns == 0:
            raise ConfigError(f"peer({address!r}, max_conns=0) would never be used", hint="leave it out for no limit")
        count(f"peer({address!r}, max_conns=…)", max_conns, least=1)
    return Peer(
        address if below is None else below,
        weight=weight,
        max_fails=max_fails,
        fail_timeout=fail_timeout,
        max_conns=max_conns,
        backup=bool(backup),
        down=bool(down),
        https=below is not None,
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
    via: Connector | None = None,
    tls: UpstreamTls | None = None,
    send_proxy_protocol: Literal[1, 2] | None = None,
) -> Upstream:
    """The upstream *name*: peers, with a strategy before them that chooses (:func:`round_robin` by default).

    Peers are addresses, or made by :func:`peer`.  *keepalive* idle connections are kept to each peer, for
    *keepalive_timeout* seconds; one is closed after *keepalive_requests* requests, or when it is *keepalive_time*
    seconds old.

    The peers are spoken to *via* a connector: :func:`fastcgi`, :func:`uwsgi`, :func:`scgi`, or one of your own
    (:class:`~pydsl_proxy.interfaces.Connector`).  Without one it is HTTP/1.1.

    With *tls*, which :func:`upstream_tls` makes, the peers are spoken to over TLS.  Addresses that are URLs, as
    ``"https://app.example.com"``, ask for ``upstream_tls()``.

    *send_proxy_protocol* is the version of the PROXY protocol, 1 or 2, by which a peer is told the client's address
    before all else, before TLS too (HAProxy's ``send-proxy`` and ``send-proxy-v2``).  Each request has a connection of
    its own then: none is kept, because what is told holds for all that comes on a connection.
    """
    count("upstream(keepalive=…)", keepalive, least=0)
    seconds("upstream(keepalive_timeout=…)", keepalive_timeout)
    count("upstream(keepalive_requests=…)", keepalive_requests, least=1)
    seconds("upstream(keepalive_time=…)", keepalive_time)
    first: tuple[Strategy | Peer | str, ...] = () if strategy_or_peer is None else (strategy_or_peer,)
    strategy: Strategy = round_robin()
    if first and _is_strategy(first[0]):
        strategy, first = first[0], ()
        check_hashable(name, "strategy", strategy)
    check_strategy_word(name, (*first, *peers))
    made = tuple(_peer(name, each, at) for at, each in enumerate((*first, *peers), 1 if first else 2))
    _check_name(name, made)
    _check_peers(name, made)
    tls = _tls(name, made, tls)
    check_connector(name, via, over_tls=tls is not None, announces=bool(send_proxy_protocol))
    made = tuple(attrs.evolve(each, https=False) for each in made)
    return Upstream(
        name,
        strategy,
        made,
        keepalive=keepalive,
        keepalive_timeout=keepalive_timeout,
        keepalive_requests=keepalive_requests,
        keepalive_time=keepalive_time,
        via=via,
        tls=tls,
        send_proxy_protocol=_version(send_proxy_protocol),
    )


def alone(address: str) -> Upstream:
    """The upstream of one peer that ``proxy_to("host:port")`` stands for; its name is the address."""
    if ":" not in address and "/" not in address and (error := named_upstream(address, Upstream)) is not None:
        raise error
    try:
        only = peer(address)
    except ConfigError as error:
        raise _of_an_upstream(error) from None
    return upstream(only.address, only)


def _of_an_upstream(error: ConfigError) -> ConfigError:
    """*error*, with a hint that stands where an upstream may: what it says of a peer is put into one."""
    hint = error.hint or ""
    if hint.startswith("write peer("):
        hint = f'write upstream("app", {_bare(hint).removeprefix("write ")})'
    elif (found := re.fullmatch(r'write ("[^"]*"), and via=(.*) for the upstream', hint)) is not None:
        hint = f'write upstream("app", {found[1]}, via={found[2]})'
    return ConfigError(error.message, origin=error.origin, hint=hint or None)


def _bare(hint: str) -> str:
    """*hint* with the addresses alone of peers that have no options, for where an address stands for a peer."""
    return re.sub(r'peer\(("[^"]*")\)', r"\1", hint)


def _tls(name: str, peers: tuple[Peer, ...], given: object) -> UpstreamTls | None:
    """What holds for all *peers*: what is *given*, or what their addresses ask for."""
    if given is None:
        terms = _tls_of_addresses(name, peers)
    elif isinstance(given, UpstreamTls):
        terms = given
    elif given is upstream_tls:
        raise ConfigError(f"upstream({name!r}, tls=…): upstream_tls is not called", hint="write tls=upstream_tls()")
    else:
        raise ConfigError(
            f"upstream({name!r}, tls=…): {given!r} is not made by upstream_tls()", hint="write tls=upstream_tls()"
        )
    if terms is not None and terms.name is None and terms.verify:
        for each in peers:
            if isinstance(each.endpoint, UnixAddress):
                raise ConfigError(
                    f"upstream({name!r}, tls=…): {each.address} does not say for whom the peer's certificate must be",
                    origin=each.origin,
                    hint='write tls=upstream_tls(name="app.example.com")',
                )
    return terms


def _tls_of_addresses(name: str, peers: tuple[Peer, ...]) -> UpstreamTls | None:
    """What is usual, if the addresses are URLs."""
    plain = [each for each in peers if not each.https]
    if len(plain) == len(peers):
        return None
    if plain:
        raise ConfigError(
            f"upstream({name!r}): some addresses begin with https:// and {plain[0].address!r} does not",
            origin=plain[0].origin,
            hint="write tls=upstream_tls() for TLS to all of them, or make two upstreams",
        )
    return upstream_tls()


def _version(given: object) -> Literal[1, 2] | None:
    if given is None or given is False:
        return None
    if given is not True and given == 1:
        return 1
    if given == 2:
        return 2
    raise ConfigError(
        f"upstream(send_proxy_protocol=…) is a version, 1 or 2, not {given!r}", hint="write send_proxy_protocol=2"
    )


def _is_strategy(value: object) -> TypeGuard[Strategy]:
    return callable(getattr(value, "compile", None)) and not isinstance(value, str | Peer | type)


def _peer(name: str, value: object, at: int) -> Peer:
    """*value*, the argument *at* that index, as a peer, or the error of what stands in its place."""
    if isinstance(value, Peer):
        return value
    if isinstance(value, str):
        try:
            return peer(value)
        except ConfigError as error:
            raise ConfigError(error.message, origin=error.origin, hint=_bare(error.hint or "") or None) from None
    if isinstance(value, list | tuple | set):
        listed = ", ".join(f'"{each}"' if isinstance(each, str) else repr(each) for each in value)
        instead = f"upstream({name!r}, {listed})" if listed else 'upstream("app", "127.0.0.1:9000")'
        code = without_list("upstream", at, instead)
        raise ConfigError(f"upstream({name!r}): the peers are in a {type(value).__name__}", hint=f"write {code}")
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
