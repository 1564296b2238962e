"""What all verbs of a scope stand on: the features that it has collected so far."""

from __future__ import annotations

from typing import Self

import attrs
from attrs import field, frozen

from pydsl_proxy.config.features import Feature
from pydsl_proxy.errors.not_text import NotText
from pydsl_proxy.origin import Origin, here


@frozen(kw_only=True)
class Featured(NotText):
    """What has features, and the line that made it."""

    features: tuple[Feature, ...] = ()
    origin: Origin = field(eq=False, repr=False, factory=here)

    def _with(self, feature: Feature) -> Self:
        return attrs.evolve(self, features=(*self.features, feature))

    def _verbs(self) -> str:
        return "".join(f".{feature.as_verb()}" for feature in self.features)
