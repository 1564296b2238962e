"""Guards of all scopes of a location put together: which are one, and which are asked together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, TypeAlias, TypeVar

import attrs
from attrs import field, frozen

from pydsl_proxy.features.access.access_rules import AccessRules
from pydsl_proxy.features.access.auth_request import AuthRequest
from pydsl_proxy.features.access.guards import AnyGuard, Guarding
from pydsl_proxy.origin import Origin, here

SatisfyMode: TypeAlias = Literal["any", "all"]

F = TypeVar("F")


@frozen
class Satisfy:
    """What ``.satisfy()`` asks for: whether each of a location's guards must grant, or one of them."""

    overrides: ClassVar[bool] = True

    mode: SatisfyMode
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return f"satisfy({self.mode!r})"


def with_guards_combined(all_of_them: Iterable[F], in_force: Sequence[F]) -> list[F | AccessRules | AnyGuard]:
    """The features *in_force*, of *all_of_them*, with their guards as they work.

    The address rules of all scopes become one guard, where the first of them stands, the inner ones before the outer.
    Names that an ``auth_request`` copies are vouched for by the one in force, even if it is another.  Where one guard
    is enough, all of them are one step, where the first of them stands.
    """
    rules = [each for each in in_force if isinstance(each, AccessRules)]
    vouched = frozenset(name for each in all_of_them if isinstance(each, AuthRequest) for name in each.copy)
    combined: list[F | AccessRules | AnyGuard] = []
    for each in in_force:
        if isinstance(each, AccessRules):
            if each is rules[0]:
                every = tuple(rule for one in reversed(rules) for rule in one.rules)
                combined.append(attrs.evolve(each, rules=every))
        elif isinstance(each, AuthRequest):
            combined.append(attrs.evolve(each, vouched=vouched))
        else:
            combined.append(each)
    return _one_for_any(combined) if _is_any(in_force) else combined


def _is_any(in_force: Sequence[object]) -> bool:
    return any(isinstance(each, Satisfy) and each.mode == "any" for each in in_force)


def _one_for_any(features: list[F | AccessRules | AnyGuard]) -> list[F | AccessRules | AnyGuard]:
    guards = [each for each in features if isinstance(each, Guarding)]
    if not guards:
        return features
    together = AnyGuard(tuple(guards))
    first = guards[0]
    return [together if each is first else each for each in features if each is first or each not in guards]
