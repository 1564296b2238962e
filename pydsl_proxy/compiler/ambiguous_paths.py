"""Refusing paths that a peer may take for those of a location whose guards the client did not pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydsl_proxy.compiler.routing import compile_locations
from pydsl_proxy.config.features import Feature, steps_of
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.matching import Match, Named, Prefix
from pydsl_proxy.config.servers import Server
from pydsl_proxy.features.access.guards import AnyGuard, Guarding
from pydsl_proxy.features.access.internal_only import InternalOnly
from pydsl_proxy.handlers.respond import Respond
from pydsl_proxy.interfaces import Exchange, Handle
from pydsl_proxy.wire.http.path_readings import is_ambiguous, readings
from pydsl_proxy.wire.http.uri import BadPath, escape, split_target

Guards = list[object]
"""What guards a location; guards are compared by what they say."""


def guards_of(location: Location, features: Sequence[Feature]) -> Guards:
    """The guards of a location; an answer of its own with 4xx is one too, as nginx's ``return 403``."""
    guards: Guards = [
        step
        for step in steps_of(features)
        if isinstance(step, AnyGuard | InternalOnly) or (isinstance(step, Guarding) and not _is_lifted(step))
    ]
    if isinstance(location.handler, Respond) and 400 <= location.handler.status < 500:
        guards.append(location.handler)
    return guards


def _is_lifted(step: object) -> bool:
    return getattr(step, "upstream", step) is None or getattr(step, "users", step) is None


def path_rule(server: Server, guarded: Sequence[tuple[Match, Guards]]) -> Callable[[Handle], Handle] | None:
    """What is done with each handle of *server*, for its locations and their guards; None if that is nothing."""
    normalized = server.paths == "normalized"
    if server.paths == "as-sent" or not (normalized or any(guards for _, guards in guarded)):
        return None
    choose = _guards_by_path(guarded)

    def ruled(inner: Handle) -> Handle:
        def handle(exchange: Exchange) -> None:
            # The target of a rewrite or a redirect inside the proxy is none that was looked at when the request came.
            if exchange.peer_target != b"*":
                path, query = split_target(exchange.peer_target)
                if is_ambiguous(path):
                    if normalized:
                        path = escape(exchange.path)
                        exchange.peer_target = path if query is None else path + b"?" + query
                    _check(choose, exchange.path, path)
            inner(exchange)

        return handle

    return ruled


class _Guarded(NamedTuple):
    """The guards of locations with one match: those of any, which a request may have to meet, and those of all."""

    any: Guards
    all: Guards


_UNGUARDED = _Guarded([], [])


def _check(choose: Callable[[bytes], _Guarded | None], path: bytes, spelled: bytes) -> None:
    """Raise BadPath if a reading of what a peer gets leads past a guard that *path* has not met."""
    passed = choose(path) or _UNGUARDED
    for reading in readings(spelled):
        wanted = choose(reading) or _UNGUARDED
        if wanted is not passed and any(guard not in passed.all for guard in wanted.any):
            raise BadPath("a peer may take the path for one that is guarded")


def _guards_by_path(guarded: Sequence[tuple[Match, Guards]]) -> Callable[[bytes], _Guarded | None]:
    """The guards for a path; conditions decide among locations of one match, and are not asked."""
    by_match: dict[Match, list[Guards]] = {}
    stops = {match.path for match, _ in guarded if isinstance(match, Prefix) and match.stop}
    for match, guards in guarded:
        if not isinstance(match, Named):
            key = Prefix(match.path, stop=match.path in stops) if isinstance(match, Prefix) else match
            by_match.setdefault(key, []).append(guards)
    return compile_locations(
        [
            (
                match,
                _Guarded(
                    [guard for guards in found for guard in guards],
                    [guard for guard in found[0] if all(guard in guards for guards in found)],
                ),
            )
            for match, found in by_match.items()
        ]
    )
