"""What a scope may ask for beside its handler, and how scopes within scopes add up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from pydsl_proxy.config.fields import Side, rules_of
from pydsl_proxy.interfaces import Filter, Step
from pydsl_proxy.origin import Origin
from pydsl_proxy.wire.field_rules import Rule


class Feature(Protocol):
    """One thing that a scope asks for: a frozen value that remembers its line.

    One with ``compile`` is a step as well, one with ``attach`` a filter.  If its class has an attribute ``overrides``
    that is true, an inner one takes the place of those of its class further out.
    """

    @property
    def origin(self) -> Origin:
        """The call that made this."""

    def as_verb(self) -> str:
        """That call as code, without the dot."""


class HasFeatures(Protocol):
    """A scope."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """What it asks for, in the order written."""


T = TypeVar("T")


def merged(*scopes: HasFeatures) -> tuple[Feature, ...]:
    """The features of *scopes*, from the outermost to the innermost."""
    return tuple(feature for scope in scopes for feature in scope.features)


def request_rules(features: Iterable[Feature]) -> tuple[Rule, ...]:
    """What happens to the header fields of requests; see :func:`~pydsl_proxy.config.fields.rules_of`."""
    return rules_of(features, Side.REQUEST)


def response_rules(features: Iterable[Feature]) -> tuple[Rule, ...]:
    """What happens to the header fields of responses; see :func:`~pydsl_proxy.config.fields.rules_of`."""
    return rules_of(features, Side.RESPONSE)


def steps_of(features: Iterable[Feature]) -> tuple[Step, ...]:
    """The steps among *features*, the first to run first: of the outer scope before the inner, and as written."""
    return tuple(feature for feature in _in_force(features) if isinstance(feature, Step))


def filters_of(features: Iterable[Feature]) -> tuple[Filter, ...]:
    """The filters among *features*, from the handler to the client: by ``nearness``, then the innermost first."""
    filters = [feature for feature in reversed(_in_force(features)) if isinstance(feature, Filter)]
    return tuple(sorted(filters, key=lambda each: each.nearness))


def last_of(kind: type[T], features: Iterable[Feature]) -> T | None:
    """The innermost feature of a class; None if there is none."""
    found = None
    for feature in features:
        if isinstance(feature, kind):
            found = feature
    return found


def _in_force(features: Iterable[Feature]) -> list[Feature]:
    """*features* without those that an inner one of their class overrides."""
    kept: list[Feature] = []
    overridden: set[type] = set()
    for feature in reversed(tuple(features)):
        kind = type(feature)
        if kind not in overridden:
            kept.append(feature)
        if getattr(kind, "overrides", False):
            overridden.add(kind)
    return kept[::-1]
