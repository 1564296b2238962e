"""From what servers say about TLS to what their listeners do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydsl_proxy.compiler.alpn import alpn_of
from pydsl_proxy.compiler.mistakes import Mistakes, Steps
from pydsl_proxy.compiler.routing import compile_server_names
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.config.tls.server import Tls
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.net.tls.contexts import Contexts
from pydsl_proxy.net.tls.openssl_contexts import Terms
from pydsl_proxy.net.tls.server_files import Pair, Secure
from pydsl_proxy.runtime.guarded_site import Demand


def scheme_of(listen: str, servers: Sequence[Server | Stream]) -> str:
    """The scheme of what comes to the endpoint *listen*; two of Twisted's endpoints bring a TLS of their own."""
    secure = bool(servers[0].tls) or listen.partition(":")[0] in ("ssl", "tls")
    if isinstance(servers[0], Stream):
        return "tls" if secure else "tcp"
    return "https" if secure else "http"


def contexts_of(chosen: Mapping[str, Sequence[Server | Stream]], errors: Mistakes) -> Steps[dict[str, Contexts]]:
    """The TLS of each endpoint that has some; what is wrong with its files is added to *errors*."""
    made: dict[str, Contexts] = {}
    for listen, servers in chosen.items():
        if servers[0].tls:
            try:
                made[listen] = yield from _contexts(servers)
            except ConfigErrors as found:
                for error in found.errors:
                    errors.add(error)
    return made


def _contexts(servers: Sequence[Server | Stream]) -> Steps[Contexts]:
    terms = servers[0].tls[0]
    made = yield from Contexts.in_steps(
        [_secure(server.tls) for server in servers],
        compile_server_names([(server.names, place) for place, server in enumerate(servers)], -1),
        Terms(
            minimum_version=terms.minimum_version,
            ciphers=terms.ciphers,
            session_tickets=terms.session_tickets,
            session_timeout=terms.session_timeout,
            verify_depth=terms.verify_depth,
            fin_ends=isinstance(servers[0], Stream),
        ),
        alpn_of(servers[0]),
        rejects=terms.reject_unknown_names,
        reload_every=terms.reload_every,
    )
    return made


def _secure(given: Sequence[Tls]) -> Secure:
    return Secure(tuple(Pair(each.certificate, each.key, each.origin) for each in given), given[0].client_ca)


def demands_of(servers: Sequence[Server]) -> list[Demand]:
    """What each of the servers of a listener demands of a request's TLS; empty if none demands anything."""
    demands = [Demand(*_demand(server.tls[0])) if server.tls else Demand() for server in servers]
    return demands if any(demand.is_one for demand in demands) else []


def _demand(terms: Tls) -> tuple[str, bool, bool]:
    return terms.client_ca or "", terms.optional, terms.strict_host
