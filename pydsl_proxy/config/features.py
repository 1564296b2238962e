"""What a scope may ask for beside its handler, and how scopes within scopes add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Protocol, TypeVar, cast

from pydsl_proxy.features.access.satisfy import with_guards_combined
from pydsl_proxy.features.headers.fields import FieldRule, Side, rules_of
from pydsl_proxy.interfaces import Filter, Step
from pydsl_proxy.origin import Origin


class Feature(Protocol):
    """One thing that a scope asks for: a frozen value that remembers its line.

    One with ``compile`` is a step as well, one with ``attach`` a filter.  If its class has an attribute ``overrides``
    that is true, an inner one takes the place of those of its class further out.  If a step's class has an attribute
    ``together`` that is true, all of its class run one after the other, where the first of them stands.  What a feature
    has as ``leads_to`` are names of locations, as ``@fallback``, to which it may redirect.
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


def request_rules(features: Iterable[Feature]) -> tuple[FieldRule, ...]:
    """What happens to the header fields of requests; see :func:`~pydsl_proxy.features.headers.fields.rules_of`."""
    return rules_of(features, Side.REQUEST)


def response_rules(features: Iterable[Feature]) -> tuple[FieldRule, ...]:
    """What happens to the header fields of responses; see :func:`~pydsl_proxy.features.headers.fields.rules_of`."""
    return rules_of(features, Side.RESPONSE)


# Python looks at a protocol for 20 µs; these look at what it has.
def _is_step(feature: object) -> bool:
    return callable(getattr(feature, "compile", None))


def _is_filter(feature: object) -> bool:
    return hasattr(feature, "nearness") and hasattr(feature, "attach")


def steps_of(features: Iterable[Feature]) -> tuple[Step, ...]:
    """The steps among *features*, the first to run first: of the outer scope before the inner, and as written."""
    every = tuple(features)
    combined = with_guards_combined(every, _in_force(every))
    steps = [cast(Step, feature) for feature in combined if _is_step(feature)]
    firsts: dict[type, int] = {}
    places = [
        firsts.setdefault(type(step), place) if getattr(type(step), "together", False) else place
        for place, step in enumerate(steps)
    ]
    return tuple(step for _, step in sorted(zip(places, steps, strict=True), key=itemgetter(0)))


def filters_of(features: Iterable[Feature]) -> tuple[Filter, ...]:
    """The filters among *features*, from the handler to the client: by ``nearness``, then the innermost first.

    Those that have a function ``join`` become the one filter that it makes of them, the innermost first.
    """
    filters = [cast(Filter, feature) for feature in reversed(_in_force(features)) if _is_filter(feature)]
    together: dict[Callable[[Sequence[object]], Filter], list[object]] = {}
    for each in filters:
        if (join := getattr(each, "join", None)) is not None:
            together.setdefault(join, []).append(each)
    joined = [join(each) for join, each in together.items()]
    filters = [each for each in filters if getattr(each, "join", None) is None]
    return tuple(sorted([*joined, *filters], key=lambda each: each.nearness))


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
