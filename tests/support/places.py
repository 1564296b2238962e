"""Configurations that several conversations are about, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable

from pydsl_proxy import server, upstream
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.features.retries import RetryCondition
from pydsl_proxy.testing import Running
from tests.support.messages import answer

TWO = upstream("app", "a:1", "b:1")
UNAVAILABLE = answer(b"busy", "503 Service Unavailable")


def retrying(
    on: Iterable[RetryCondition] = ("error", "timeout"), to: Upstream = TWO, *, non_idempotent: bool = False
) -> Server:
    """A server that tries again."""
    return server(80).location("/").retry(on=on, non_idempotent=non_idempotent).proxy_to(to)


def place() -> OpenLocation[Server]:
    """A location that is not finished."""
    return server(80).location("/")


def tried(running: Running) -> list[tuple[str, int]]:
    """The attempts of the last exchange."""
    return list(running.exchanges[-1].peers)
