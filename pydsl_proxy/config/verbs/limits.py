"""Verbs that bound what clients may send, and how fast."""

from __future__ import annotations

from typing import Self

from pydsl_proxy.config.verbs.featured import Featured
from pydsl_proxy.numbers import size as checked_size
from pydsl_proxy.steps.limit_body import LimitBody


class Limits(Featured):
    """Limits on clients."""

    __slots__ = ()

    def limit_body(self, size: int | None) -> Self:
        """Refuse request bodies of more than *size* bytes, as ``8 * MiB``, with 413; None lifts an outer limit."""
        return self._with(LimitBody(None if size is None else checked_size("limit_body(size)", size)))
