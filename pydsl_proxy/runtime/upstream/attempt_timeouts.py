"""The times of an attempt, where they are not those of its location."""

from __future__ import annotations

from typing import NamedTuple


class AttemptTimes(NamedTuple):
    """See :class:`~pydsl_proxy.interfaces.Timeouts`."""

    connect: float
    send: float
    read: float
    idle: float
