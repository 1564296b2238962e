"""A filter that passes everything on, and has to see it for that."""

from __future__ import annotations

from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, FilterOrder


class Seeing:
    """A filter of one's own."""

    nearness = FilterOrder.OWN

    def attach(self, place: CompileContext) -> AttachedFilter:
        """Stand before the client."""
        return lambda exchange, sink: Passing(sink)


SEEING = Seeing()
