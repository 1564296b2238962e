"""Whether a location both rewrites the path and replaces the prefix that it matched, which may be gone by then."""

from __future__ import annotations

from collections.abc import Iterator

from pydsl_proxy.config.features import merged, steps_of
from pydsl_proxy.config.locations import code_of
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.rewriting.rewrite import Rewrite
from pydsl_proxy.features.rewriting.strip_prefix import StripPrefix
from pydsl_proxy.handlers.proxy import Proxy


def check_paths(config: Http, server: Server) -> Iterator[ConfigError]:
    """nginx ignores the path of ``proxy_pass`` silently after a ``rewrite … break``."""
    for location in server.locations:
        handler = location.handler
        if not isinstance(handler, Proxy) or handler.path is None:
            continue
        for step in steps_of(merged(config, server, location)):
            goes_on = isinstance(step, Rewrite) and not step.last and step.redirect is None
            if goes_on or isinstance(step, StripPrefix):
                assert isinstance(step, Rewrite | StripPrefix)
                yield ConfigError(
                    f"path={handler.path!r} replaces what {code_of(location.match)} matched, and {step.as_verb()} has "
                    "changed it before",
                    origin=step.origin,
                    hint="leave path= out, and have the rewrite make the whole path"
                    if goes_on
                    else "leave one of them out",
                )
