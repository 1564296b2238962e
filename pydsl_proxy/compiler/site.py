"""A configuration becomes sites: one for each listener, with the choice of server and location compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from ipaddress import ip_network
from random import Random
from typing import cast

from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.compiler.alpn import prefaces_of
from pydsl_proxy.compiler.ambiguous_paths import Guards, guards_of, path_rule
from pydsl_proxy.compiler.conditional_locations import compile_forks
from pydsl_proxy.compiler.conditional_routing import Conditional, conditional_slash_redirects
from pydsl_proxy.compiler.location_context import LocationContext
from pydsl_proxy.compiler.location_settings import TermsTable
from pydsl_proxy.compiler.mistakes import Mistakes, Steps
from pydsl_proxy.compiler.not_found import of_answer, unmatched
from pydsl_proxy.compiler.proxy_protocol import senders_of
from pydsl_proxy.compiler.routing import compile_server_names, compiling_locations
from pydsl_proxy.compiler.shared_state import StateRegistry
from pydsl_proxy.compiler.stepping import completed
from pydsl_proxy.compiler.streams import compile_streams, streams_by_listener
from pydsl_proxy.compiler.tls import contexts_of, demands_of, scheme_of
from pydsl_proxy.compiler.upstreams import Upstreams
from pydsl_proxy.config.checks.whole import checking
from pydsl_proxy.config.features import Feature, merged
from pydsl_proxy.config.matching import Match
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.features.headers.strict_transport import settled
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.net.reactors import Clock, DataReactor
from pydsl_proxy.net.tls.contexts import Contexts
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.runtime.guarded_site import GuardedSite
from pydsl_proxy.runtime.site import CompiledLocation, Locate, Site
from pydsl_proxy.runtime.stream.site import StreamSite
from pydsl_proxy.wire.connection.forwarded import Source, TrustedProxies
from pydsl_proxy.wire.http.uri import replace_prefix, split_target

Log = Callable[[LoggedExchange], None]


class CompiledConfig:
    """What a configuration comes to: a site for each endpoint string, and the upstreams behind them.

    ``streams`` are the sites of endpoints that pass connections on, ``sites`` those of all others.  ``schemes``,
    ``contexts``, ``senders`` and ``prefaces`` are by endpoint string too; the latter three for those with TLS, for
    those at which the PROXY protocol is spoken, and for those at which HTTP/2 is: its preface may say so.
    """

    def __init__(
        self, config: Http, sites: dict[str, Site], upstreams: Upstreams, kept: StateRegistry, table: TermsTable
    ) -> None:
        self.table = table
        self.complaints: list[ConfigError] = []
        self.config = config
        self.sites = sites
        self.upstreams = upstreams
        self.kept = kept
        self.streams: dict[str, StreamSite] = {}
        self.schemes: dict[str, str] = {}
        self.contexts: dict[str, Contexts] = {}
        self.senders: dict[str, TrustedProxies] = {}
        self.prefaces: dict[str, bool] = {}

    @property
    def all_sites(self) -> dict[str, Site | StreamSite]:
        """Every site, by its endpoint string."""
        return {**self.sites, **self.streams}

    def start(self, clock: Clock) -> None:
        """Look at files that may change, until :meth:`stop`."""
        for contexts in self.contexts.values():
            contexts.start(clock)

    def stop(self) -> None:
        """Look at them no more."""
        for contexts in self.contexts.values():
            contexts.stop()

    def warnings(self) -> list[ConfigError]:
        """What is not well with the configuration, and with the files that were read."""
        found = {str(each): each for contexts in self.contexts.values() for each in contexts.warnings()}
        return [*self.complaints, *found.values()]


def compile_config(
    config: Http,
    reactor: DataReactor,
    random: Random,
    *,
    log: Log | None = None,
    previous: CompiledConfig | None = None,
    certificates: bool = True,
) -> CompiledConfig:
    """Compile *config*; raises :class:`~pydsl_proxy.errors.ConfigErrors` with all that is wrong with it.

    Upstreams and features that are equal to some of *previous* go on as they are.  Without *certificates* those of
    servers are not read, for where no client shakes hands.
    """
    return completed(compiling(config, reactor, random, log=log, previous=previous, certificates=certificates))


def compiling(
    config: Http,
    reactor: DataReactor,
    random: Random,
    *,
    log: Log | None = None,
    previous: CompiledConfig | None = None,
    certificates: bool = True,
) -> Steps[CompiledConfig]:
    """As :func:`compile_config`, in steps that may lie apart: a location, a certificate, a check of a server.

    Nothing is in force before the last of them, and nothing remains if they are given up.
    """
    found: list[ConfigError] = []
    for some in checking(config):
        found += some
        yield
    wrong = [error for error in found if not error.warning]
    work = _compiled(config, reactor, random, log, previous, certificates)
    if not wrong:
        compiled = yield from work
        compiled.complaints = [error for error in found if error.warning]
        return compiled
    try:
        yield from work
    except ConfigErrors as found:
        # What is wrong with files is told at once with it.
        known = set(map(str, wrong))
        wrong += [error for error in found.errors if str(error) not in known]
    except Exception:
        # What is wrong may be what keeps the rest from being compiled.
        pass
    raise ConfigErrors(wrong)


def _compiled(
    config: Http,
    reactor: DataReactor,
    random: Random,
    log: Log | None,
    previous: CompiledConfig | None,
    certificates: bool,
) -> Steps[CompiledConfig]:
    errors = Mistakes()
    upstreams = Upstreams(reactor, random, previous.upstreams if previous is not None else None)
    kept = StateRegistry(previous.kept if previous is not None else None)
    table = TermsTable(cast(IReactorTime, reactor), previous.table if previous is not None else None)
    chosen: dict[str, list[Server]] = {}
    for server in config.servers:
        for listen in server.listen:
            chosen.setdefault(listen, []).append(server)
    located: dict[int, Locate] = {}
    for server in config.servers:
        make = partial(LocationContext, upstreams=upstreams, reactor=reactor, kept=kept, terms=table)
        located[id(server)] = yield from _locate(config, server, make, table, errors)
    passed = streams_by_listener(config)
    streams = yield from compile_streams(
        config, passed, upstreams, reactor, kept, errors, trusted=_trusted(config), log=log, handshakes=certificates
    )
    every: dict[str, Sequence[Server | Stream]] = {**chosen, **passed}
    contexts = (yield from contexts_of(every, errors)) if certificates else {}
    if errors.found:
        raise ConfigErrors(errors.found)
    sites: dict[str, Site] = {}
    for listen, servers in chosen.items():
        sites[listen] = _site(config, servers, [located[id(each)] for each in servers], log, table)
        yield
    table.complete()
    compiled = CompiledConfig(config, sites, upstreams, kept, table)
    compiled.streams = streams
    compiled.schemes = {listen: scheme_of(listen, servers) for listen, servers in every.items()}
    compiled.contexts = contexts
    compiled.senders = senders_of(every)
    compiled.prefaces = prefaces_of(chosen)
    return compiled


def _site(config: Http, servers: list[Server], located: list[Locate], log: Log | None, table: TermsTable) -> Site:
    """The site of a listener; each of its *servers* is *located* at the same place."""
    demands = demands_of(servers)
    rules = [table.of(_features(config, server)).response_rules for server in servers]
    site = (GuardedSite if demands else Site)(
        compile_server_names([(each.names, locate) for each, locate in zip(servers, located, strict=True)], located[0]),
        config.clients,
        # Its own: an exchange that has these has no location yet.
        copy(rules[0]),
        rules_by_server=dict(zip(located, rules, strict=True)),
        trusted=_trusted(config),
        access_log=log,
    )
    if isinstance(site, GuardedSite):
        site.demand(dict(zip(located, demands, strict=True)), located[0])
    return site


def _locate(
    config: Http, server: Server, make: Callable[..., LocationContext], table: TermsTable, errors: Mistakes
) -> Steps[Locate]:
    """The choice of a location; what is found to be wrong goes to *errors*, once each."""
    rooms: list[Conditional[CompiledLocation]] = []
    below: list[Conditional[bool]] = []
    guarded: list[tuple[Match, Guards]] = []
    others = unmatched(config, server)
    https = _https(config, server)
    for location in (*server.locations, *others):
        yield
        features = settled(merged(config, server, location), https)
        place = make(location, of_answer(features) if location in others else features)
        test = None if location.condition is None else location.condition.compile()
        try:
            room = place.room()
        except ConfigError as error:
            errors.add(error)
            continue
        rooms.append((location.match, test, room))
        guarded.append((location.match, guards_of(location, features)))
        below.append((location.match, test, getattr(location.handler, "has_paths_below", False)))
    rules = table.of(_features(config, server)).response_rules
    for match, test in conditional_slash_redirects(below):
        rooms.append((match, test, CompiledLocation(_redirect_to_slash, rules)))
        yield
    rule = path_rule(server, guarded)
    if rule is not None:
        for _, _, room in rooms:
            room.handle = rule(room.handle)
            if room.rewritten is not None:
                room.rewritten.handle = rule(room.rewritten.handle)
    if any(test is not None for _, test, _ in rooms):
        return compile_forks(rooms)
    locate = yield from compiling_locations([(match, room) for match, _, room in rooms])
    return locate


def _features(config: Http, server: Server) -> tuple[Feature, ...]:
    """What is in force in all of the server."""
    return settled(merged(config, server), _https(config, server))


def _https(config: Http, server: Server) -> bool | None:
    """Whether all requests of the server come by https, where that is known before there is one."""
    # A trusted proxy may tell another scheme than its connection has, and so may an endpoint that brings its own TLS.
    plain = all(listen.partition(":")[0] in ("tcp", "unix") for listen in server.listen)
    return bool(server.tls) if plain and not config.trusted_proxies else None


def _redirect_to_slash(exchange: Exchange) -> None:
    """nginx's automatic redirect from ``/app`` to a location ``/app/`` whose handler has paths below."""
    _, query = split_target(exchange.target)
    path = replace_prefix(exchange.path + b"/", 0, b"", query)
    host = exchange.fields.host
    url = exchange.identity.scheme.encode() + b"://" + host + path if host else path
    exchange.respond(301, b"", ((b"Location", url),))


def _trusted(config: Http) -> TrustedProxies | None:
    if not config.trusted_proxies:
        return None
    networks = [ip_network(each) for each in config.trusted_proxies if each != "unix:"]
    return TrustedProxies(networks, "unix:" in config.trusted_proxies, Source(config.client_address_from))
