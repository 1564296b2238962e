"""A configuration becomes sites: one for each listener, with the choice of server and location compiled."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from random import Random

from pydsl_proxy.compiler.kept import Kept
from pydsl_proxy.compiler.places import LocationPlace
from pydsl_proxy.compiler.routing import compile_locations, compile_server_names, slash_redirects
from pydsl_proxy.compiler.upstreams import Upstreams
from pydsl_proxy.config.checks import check
from pydsl_proxy.config.features import merged, response_rules
from pydsl_proxy.config.matching import Match
from pydsl_proxy.config.sites import Http, Server
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.runtime.exchange import Exchange as LivingExchange
from pydsl_proxy.runtime.reactors import DataReactor
from pydsl_proxy.runtime.site import ALWAYS_DROPPED, Locate, Room, Site
from pydsl_proxy.wire.field_rules import FieldRules
from pydsl_proxy.wire.forwarded import TrustedProxies
from pydsl_proxy.wire.uri import replace_prefix, split_target

Log = Callable[[LivingExchange], None]


class Compiled:
    """What a configuration comes to: a site for each endpoint string, and the upstreams behind them."""

    def __init__(self, config: Http, sites: dict[str, Site], upstreams: Upstreams, kept: Kept) -> None:
        self.config = config
        self.sites = sites
        self.upstreams = upstreams
        self.kept = kept


def compile_config(
    config: Http, reactor: DataReactor, random: Random, *, log: Log | None = None, previous: Compiled | None = None
) -> Compiled:
    """Compile *config*; raises :class:`~pydsl_proxy.errors.ConfigErrors` with all that is wrong with it.

    Upstreams and features that are equal to some of *previous* go on as they are.
    """
    errors = [error for error in check(config) if not error.warning]
    if errors:
        raise ConfigErrors(errors)
    upstreams = Upstreams(reactor, random, previous.upstreams if previous is not None else None)
    kept = Kept(previous.kept if previous is not None else None)
    chosen: dict[str, list[Server]] = {}
    for server in config.servers:
        for listen in server.listen:
            chosen.setdefault(listen, []).append(server)
    located = {id(server): _locate(config, server, upstreams, reactor, kept) for server in config.servers}
    sites = {
        listen: Site(
            compile_server_names([(each.names, located[id(each)]) for each in servers], located[id(servers[0])]),
            config.clients,
            FieldRules(response_rules(merged(config, servers[0])), ALWAYS_DROPPED),
            trusted=_trusted(config),
            access_log=log,
        )
        for listen, servers in chosen.items()
    }
    return Compiled(config, sites, upstreams, kept)


def _locate(config: Http, server: Server, upstreams: Upstreams, reactor: DataReactor, kept: Kept) -> Locate:
    rooms: list[tuple[Match, Room]] = []
    below: list[tuple[Match, bool]] = []
    for location in server.locations:
        place = LocationPlace(location, merged(config, server, location), upstreams, reactor, kept)
        rooms.append((location.match, place.room()))
        below.append((location.match, getattr(location.handler, "has_paths_below", False)))
    rules = FieldRules(response_rules(merged(config, server)), ALWAYS_DROPPED)
    for match, _ in slash_redirects(below, bool):
        rooms.append((match, Room(_redirect_to_slash, rules)))
    return compile_locations(rooms)


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
    return TrustedProxies(networks, "unix:" in config.trusted_proxies)
