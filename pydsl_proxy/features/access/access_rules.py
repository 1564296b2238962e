"""A guard for client addresses: nginx's ``allow`` and ``deny``."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.features.access.guards import ABSTAINED, GRANTED, Later, Opinion, guarded, refused
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call
from pydsl_proxy.wire.connection.address_table import ALL, AddressTable


@frozen
class AccessRule:
    """What one ``.allow()`` or ``.deny()`` says of addresses, networks, ``all`` or ``unix:``."""

    allows: bool
    networks: tuple[str, ...]

    def __str__(self) -> str:
        return call("allow" if self.allows else "deny", map(repr, self.networks))


@frozen
class AccessRules:
    """The ``.allow()`` and ``.deny()`` of a scope, in the order written; the first that has the client counts.

    Where scopes lie in each other the rules of the inner one are looked at first, then those further out.
    """

    rank: ClassVar[int] = 0

    rules: tuple[AccessRule, ...]
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The calls that made this."""
        return ".".join(map(str, self.rules))

    def guard(self, place: CompileContext) -> _AddressGuard:
        """The guard."""
        return _AddressGuard(self.rules)

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Refuse with 403, or go on."""
        return guarded(self.guard(place), inner)


class _AddressGuard:
    """Looks up the client's address."""

    def __init__(self, rules: tuple[AccessRule, ...]) -> None:
        # What is no address is in no network; it gets the benefit of a doubt from nobody.
        unknown = next((rule for rule in rules if not rule.allows or ALL in rule.networks), None)
        table = AddressTable([(network, rule) for rule in rules for network in rule.networks], unknown)
        self._find = table.find

    def check(self, exchange: Exchange, later: Later) -> Opinion:
        """What the first rule that has the address says."""
        rule = self._find(exchange.identity.address)
        if rule is None:
            return ABSTAINED
        if rule.allows:
            return GRANTED
        return refused(403, "access_denied", f"{exchange.identity.address} is refused by {rule}")

    def passed_over(self, exchange: Exchange) -> None:
        """An address vouches for nothing else."""
