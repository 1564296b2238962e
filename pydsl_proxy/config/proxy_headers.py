"""The PROXY protocol on a listener: who may tell a client's address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from pydsl_proxy.config.networks import check_network
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed


def trusted_senders(given: object, *, of: str = "server") -> tuple[str, ...]:
    """What ``server(proxy_protocol=…)``, or another function *of*, was given: addresses, networks, ``unix:``."""
    if given is None or given is False:
        return ()
    if given is True:
        raise ConfigError(
            f"{of}(proxy_protocol=True): any client that connects could claim any address",
            hint='name who may, as in proxy_protocol=["10.0.0.0/8"]',
        )

    def sender(text: str) -> str:
        return check_network(f"{of}(proxy_protocol=…)", text, "unix:")

    some = listed(of, "proxy_protocol", cast("Iterable[str]", given), '["10.0.0.0/8"]', sender)
    senders = tuple(map(sender, some))
    if not senders:
        raise ConfigError(
            f"{of}(proxy_protocol=[]): nobody could connect",
            hint='name who may, as in proxy_protocol=["10.0.0.0/8"], or leave it out',
        )
    return senders
