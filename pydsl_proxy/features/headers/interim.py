"""Whether clients get the interim responses of peers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call


@frozen
class HideInterim:
    """What ``.hide_interim_responses()`` asks for; not *hidden* where an outer one is lifted."""

    overrides: ClassVar[bool] = True

    hidden: bool = True
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("hide_interim_responses", [] if self.hidden else ["False"])


def hide_interim(hidden: bool) -> HideInterim:
    """The feature, its argument checked."""
    if not isinstance(hidden, bool):
        raise ConfigError(
            f"hide_interim_responses({hidden!r}): it is True or False", hint="write .hide_interim_responses()"
        )
    return HideInterim(hidden)


def passes_interim(features: Iterable[object]) -> bool:
    """Whether *features*, which stand from the outermost inwards, let interim responses pass."""
    passes = True
    for feature in features:
        if isinstance(feature, HideInterim):
            passes = not feature.hidden
    return passes
