"""Steps and filters that users bring, as features of a scope."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Filter, FilterOrder, Handle, Step
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call


def _with_method(verb: str, name: str, given: object) -> None:
    if isinstance(given, type) or not callable(getattr(given, name, None)):
        what = "compile(inner, place)" if name == "compile" else "attach(place)"
        seam = "Step" if name == "compile" else "Filter"
        raise ConfigError(f"{verb}(): {given!r} has no {what}", hint=f"see pydsl_proxy.interfaces.{seam}")


@frozen
class CustomStep:
    """What ``.step()`` asks for."""

    given: Step
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _with_method("step", "compile", self.given)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("step", repr(self.given))

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """The user's own handle."""
        return self.given.compile(inner, place)


@frozen
class CustomFilter:
    """What ``.filter()`` asks for."""

    nearness: ClassVar[FilterOrder] = FilterOrder.OWN

    given: Filter
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _with_method("filter", "attach", self.given)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("filter", repr(self.given))

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """The user's own filter."""
        return self.given.attach(place)
