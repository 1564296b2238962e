"""Verbs that say which addresses may pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import attrs

from pydsl_proxy.config.loading.meant import without_list
from pydsl_proxy.config.networks import check_network
from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.access.access_rules import AccessRule, AccessRules


class Addresses(Featured):
    """Guards that look at the client's address alone."""

    __slots__ = ()

    def allow(self, *networks: str) -> Self:
        """Let clients in *networks* pass: addresses, networks as ``"10.0.0.0/8"``, ``"unix:"`` or ``"all"``.

        Of a scope's ``allow`` and ``deny`` the first counts that has the client's address, in the order written; where
        none has it, those of the scope around are looked at; where none of all has it, the client passes.  The address
        is ``client_address``, so behind trusted proxies the one that they tell.  nginx's ``allow``, but that there an
        inner scope that has any forgets all outer ones.
        """
        return self._access(True, networks)

    def deny(self, *networks: str) -> Self:
        """Refuse clients in *networks* with 403, those of a stream by closing; see :meth:`allow`.  nginx's ``deny``."""
        return self._access(False, networks)

    def _access(self, allows: bool, networks: tuple[str, ...]) -> Self:
        verb = "allow()" if allows else "deny()"
        if not networks:
            raise ConfigError(f"{verb}: no network is given", hint=f'write {verb[:-2]}("10.0.0.0/8") or …("all")')
        for index, each in enumerate(networks):
            if not isinstance(each, str) and isinstance(each, Iterable):
                raise _in_a_list(verb[:-2], index, tuple(each), type(each).__name__)
            check_network(verb, each, "unix:", "all")
        rule = AccessRule(allows, networks)
        mine = next((each for each in self.features if isinstance(each, AccessRules)), None)
        if mine is None:
            return self._with(AccessRules((rule,)))
        if "all" in mine.rules[-1].networks:
            text = f"{rule} never counts: {mine.rules[-1]} stands before it, and the first rule counts"
            raise ConfigError(text, hint=f"write .{rule}.{mine.rules[-1]}")
        longer = attrs.evolve(mine, rules=(*mine.rules, rule))
        return attrs.evolve(self, features=tuple(longer if each is mine else each for each in self.features))


def _in_a_list(verb: str, index: int, networks: tuple[str, ...], kind: str) -> ConfigError:
    for each in networks:
        check_network(f"{verb}()", each, "unix:", "all")
    listed = ", ".join(f'"{each}"' for each in networks) or '"10.0.0.0/8"'
    code = without_list(verb, index, f"{verb}({listed})", before='location("/").')
    return ConfigError(f"{verb}(): the networks are in a {kind}", hint=f"write {code}")
