"""Whether redirects inside the proxy lead to locations that are there, and named locations are led to."""

from __future__ import annotations

from collections.abc import Iterator

from pydsl_proxy.config.custom import CustomFilter, CustomStep
from pydsl_proxy.config.features import merged
from pydsl_proxy.config.locations import Location, code_of
from pydsl_proxy.config.matching import Named
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.accel_fields import ignored_fields
from pydsl_proxy.handlers.proxy import Proxy
from pydsl_proxy.handlers.websocket.handler import WebSockets
from pydsl_proxy.origin import Origin


def check_named(config: Http, server: Server) -> Iterator[ConfigError | None]:
    """A name that no location of *server* has is a mistake; one that nothing leads to is probably a slip.

    Whatever has an attribute ``leads_to``, names as ``@fallback``, refers to them.
    """
    known = {each.match.path: each for each in server.locations if isinstance(each.match, Named)}
    referred: set[str] = set()
    told: set[tuple[str, Origin]] = set()
    for location in server.locations:
        yield None
        for each in (*merged(config, server, location), location.handler):
            for name in getattr(each, "leads_to", ()):
                referred.add(name)
                origin = getattr(each, "origin", location.origin)
                if name not in known and (name, origin) not in told:
                    told.add((name, origin))
                    yield _missing(name, origin, server)
    if not any(_may_lead_anywhere(config, server, location) for location in server.locations):
        for path, location in known.items():
            if path not in referred:
                text = f"nothing leads to {code_of(location.match)}, and no request's path finds it"
                yield ConfigError(text, origin=location.origin, hint="take it out", warning=True)


def _missing(name: str, origin: Origin, server: Server) -> ConfigError:
    call = f"named({name[1:]!r})"
    place = f"; the server: {server.origin}" if server.origin.file else ""
    return ConfigError(
        f"{call} leads to no location of the server{place}",
        origin=origin,
        hint=f"give the server .location({call})…",
    )


def _may_lead_anywhere(config: Http, server: Server, location: Location) -> bool:
    """Steps, filters and handlers of the user's own may redirect as they like; peers may by X-Accel-Redirect."""
    features = merged(config, server, location)
    own = not callable(getattr(location.handler, "as_verb", None))
    peers = isinstance(location.handler, Proxy | WebSockets) and b"x-accel-redirect" not in ignored_fields(features)
    return own or peers or any(isinstance(each, CustomStep | CustomFilter) for each in features)
