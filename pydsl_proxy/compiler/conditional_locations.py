"""Servers with locations that have conditions: the choice waits for the exchange."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from pydsl_proxy.compiler.conditional_routing import Conditional, compile_conditional
from pydsl_proxy.config.matching import Named
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.runtime.exchange import Exchange as LivingExchange
from pydsl_proxy.runtime.site import CompiledLocation, Locate
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http1.response_writer import error_page


def compile_forks(locations: Sequence[Conditional[CompiledLocation]]) -> Locate:
    """The choice of a server where a path alone does not decide.

    A site looks locations up by path.  All paths lead to one room, whose handle looks at the exchange and hands it on;
    so servers without conditions are not asked for any.
    """
    choose = compile_conditional(locations)
    # Not those of any location: they tell where an exchange is.
    rules = FieldRules()
    fork = CompiledLocation(_handed_on(choose, None), rules)
    named = {
        path: CompiledLocation(_handed_on(choose, path), rules)
        for path in (match.path.encode() for match, _, _ in locations if isinstance(match, Named))
    }
    return lambda path: named.get(path) if path[:1] == b"@" else fork


def _handed_on(
    choose: Callable[[bytes, Exchange], CompiledLocation | None], name: bytes | None
) -> Callable[[Exchange], None]:
    def hand_on(exchange: Exchange) -> None:
        living = cast(LivingExchange, exchange)
        room = choose(exchange.path if name is None else name, exchange)
        if room is None:
            living.rules = living.site.plain_rules
            exchange.respond(404, *error_page(404))
        else:
            added = living.added_fields
            living.rules = room.rules.adding(added) if added else room.rules
            room.handle(exchange)

    return hand_on
