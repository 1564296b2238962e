"""Verbs that take steps and filters of the user's own."""

from __future__ import annotations

from typing import Self

from pydsl_proxy.config.custom import CustomFilter, CustomStep
from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.interfaces import Filter, Step


class Extending(Featured):
    """What comes from outside the package."""

    __slots__ = ()

    def step(self, step: Step) -> Self:
        """Run *step*, an object with ``compile(inner, place)`` (:class:`pydsl_proxy.interfaces.Step`)."""
        return self._with(CustomStep(step))

    def filter(self, filter: Filter) -> Self:
        """Send responses through *filter*, an object with ``attach(place)`` (:class:`pydsl_proxy.interfaces.Filter`).

        It stands between the handler and the filters of the package.
        """
        return self._with(CustomFilter(filter))
