"""The PROXY protocol on a listener: who may tell a client's address."""

from __future__ import annotations

from collections.abc import Iterable

from pydsl_proxy.config.networks import check_network
from pydsl_proxy.errors import ConfigError


def trusted_senders(given: object, *, of: str = "server") -> tuple[str, ...]:
    """What ``server(proxy_protocol=…)``, or another function *of*, was given: addresses, networks, ``unix:``."""
    if given is None or given is False:
        return ()
    if given is True:
        raise ConfigError(
            f"{of}(proxy_protocol=True): whoever connects could claim any address",
            hint='name who may, as in proxy_protocol=["10.0.0.0/8"]',
        )
    if isinstance(given, str) or not isinstance(given, Iterable):
        hint = f"write proxy_protocol=[{given!r}]" if isinstance(given, str) else 'write proxy_protocol=["10.0.0.0/8"]'
        raise ConfigError(f"{of}(proxy_protocol=…) must be a list of addresses and networks, not {given!r}", hint=hint)
    senders = tuple(check_network(f"{of}(proxy_protocol=…)", each, "unix:") for each in given)
    if not senders:
        raise ConfigError(
            f"{of}(proxy_protocol=[]): nobody could connect",
            hint='name who may, as in proxy_protocol=["10.0.0.0/8"], or leave it out',
        )
    return senders
