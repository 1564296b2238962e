"""What only the whole of a configuration can show to be wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from pydsl_proxy.config.checks.access import check_access
from pydsl_proxy.config.checks.http2 import check_http2
from pydsl_proxy.config.checks.named_locations import check_named
from pydsl_proxy.config.checks.proxy_protocol import check_proxy_headers
from pydsl_proxy.config.checks.rewritten_paths import check_paths
from pydsl_proxy.config.checks.spool import check_spools
from pydsl_proxy.config.checks.streams import check_streams
from pydsl_proxy.config.checks.tls import check_tls
from pydsl_proxy.config.checks.vary import check_vary
from pydsl_proxy.config.locations import Location, code_of
from pydsl_proxy.config.matching import Exact, Match, Prefix, ServerName
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.handlers.files.handler import Files
from pydsl_proxy.handlers.proxy import Proxy
from pydsl_proxy.origin.paths import shown_path
from pydsl_proxy.values.conditions import Condition


def check(config: Http) -> list[ConfigError]:
    """Every mistake in *config*, warnings among them, in the order of the servers; pure."""
    return [error for some in checking(config) for error in some]


def checking(config: Http) -> Iterator[list[ConfigError]]:
    """As :func:`check`, in steps: most are those of a location, some take a microsecond for each of a server."""
    yield list(_names_claimed_twice(config.servers, "servers"))
    yield list(_names_claimed_twice(config.streams, "streams"))
    for of_all in (
        _upstreams_called_the_same,
        check_tls,
        check_http2,
        check_proxy_headers,
        check_streams,
        check_spools,
        check_access,
    ):
        yield list(of_all(config))
    yield from _in_pieces(check_vary(config))
    for of_locations in (_slashes, _roots):
        for server in config.servers:
            yield list(of_locations(server))
    for server in config.servers:
        yield from _in_pieces(_locations(server))
        yield from _in_pieces(check_named(config, server))
        yield list(check_paths(config, server))


def _in_pieces(found: Iterable[ConfigError | None]) -> Iterator[list[ConfigError]]:
    """Where there is None the check may pause."""
    for each in found:
        yield [] if each is None else [each]


def _names_claimed_twice(every: Sequence[Server | Stream], word: str) -> Iterator[ConfigError]:
    """nginx warns of a conflicting name and ignores the second server; here neither would be missed."""
    claimed: dict[tuple[str, ServerName | None], Server | Stream] = {}
    for server in every:
        for listen in server.listen:
            for name in dict.fromkeys(server.names) or (None,):
                first = claimed.setdefault((listen, name), server)
                if first is not server:
                    yield _claimed(server, first, listen, name, word)


def _claimed(
    server: Server | Stream, first: Server | Stream, listen: str, name: ServerName | None, word: str
) -> ConfigError:
    if name is None:
        what, hint = f"two {word} without names at {listen!r}", 'give one of them names=["example.com"]'
    else:
        what, hint = f"two {word} at {listen!r} claim the name {name!r}", "take it from one of them"
    return ConfigError(f"{what}; the other one: {first.origin}", origin=server.origin, hint=hint)


def _upstreams_called_the_same(config: Http) -> Iterator[ConfigError]:
    known: dict[str, Upstream] = {}
    named_again: set[Upstream] = set()
    handlers = (location.handler for server in config.servers for location in server.locations)
    used = (handler.upstream if isinstance(handler, Proxy) else None for handler in handlers)
    for upstream in (*used, *(stream.upstream for stream in config.streams)):
        if not isinstance(upstream, Upstream):
            continue
        first = known.setdefault(upstream.name, upstream)
        if first is not upstream and first != upstream and upstream not in named_again:
            named_again.add(upstream)
            yield ConfigError(
                f"two different upstreams are called {upstream.name!r}; the other one: {first.origin}",
                origin=upstream.origin,
                hint="give one of them another name",
            )


def _locations(server: Server) -> Iterator[ConfigError | None]:
    if not server.locations:
        hint = 'write server(…).location("/").proxy_to(…)'
        yield ConfigError("the server has no location", origin=server.origin, hint=hint)
    seen: dict[tuple[Match, Condition | None], Location] = {}
    for location in server.locations:
        yield None
        # ``stop`` is about regexes, two prefixes that differ in it are still one place (nginx: "duplicate location").
        match = Prefix(location.match.path) if isinstance(location.match, Prefix) else location.match
        # Conditions go before the one without, so what differs in its condition can be reached in any order.
        first = seen.setdefault((match, location.condition), location)
        if first is not location:
            condition = "" if location.condition is None else f".when({location.condition!r})"
            text = f"{code_of(location.match)}{condition} stands twice in one server; the other one: {first.origin}"
            yield ConfigError(text, origin=location.origin, hint="only one of them can answer: take the other out")


def _slashes(server: Server) -> Iterator[ConfigError]:
    """``path`` replaces what matched, letter by letter; where one of the two ends with a slash, both should."""
    for location in server.locations:
        match, handler = location.match, location.handler
        if not isinstance(match, Prefix) or not isinstance(handler, Proxy) or handler.path is None:
            continue
        if match.path.endswith("/") == handler.path.endswith("/"):
            continue
        if match.path.endswith("/"):
            hint = f'write path="{handler.path}/"'
        else:
            shorter = handler.path.rstrip("/")
            hint = f'write location("{match.path}/")' + (f', or path="{shorter}"' if shorter else "")
        seen = match.path.rstrip("/") + "/x"
        sent = handler.path + seen[len(match.path) :]
        text = f"{code_of(location.match)} with path={handler.path!r} makes {sent!r} of {seen!r}"
        yield ConfigError(text, origin=handler.origin, hint=hint, warning=True)


def _roots(server: Server) -> Iterator[ConfigError]:
    """A folder that is not there may come; the other locations need not wait for it, so this is a warning."""
    for location in server.locations:
        match, handler = location.match, location.handler
        if not isinstance(handler, Files):
            continue
        text, hint = (
            f"serve_files(): there is no folder {shown_path(handler.root)}",
            "requests are answered with 404 until then",
        )
        if os.path.isdir(handler.root):
            if handler.keep_prefix or not isinstance(match, Exact) or match.path.endswith("/"):
                continue
            text = f"{code_of(match)} is one path, and {handler.root!r} is a folder"
            hint = "name the file, or write keep_prefix=True"
        elif os.path.isfile(handler.root) and isinstance(match, Exact) and not handler.keep_prefix:
            continue
        yield ConfigError(text, origin=handler.origin, hint=hint, warning=True)
