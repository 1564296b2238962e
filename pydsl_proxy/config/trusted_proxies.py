"""Trusted proxies: addresses and networks whose forwarding fields are believed, and which of the fields."""

from __future__ import annotations

from collections.abc import Sequence

from pydsl_proxy.config.networks import check_network
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.wire.connection.forwarded import Source

#: The field that is believed by default.
DEFAULT_SOURCE = Source.X_FORWARDED_FOR.value


def trusted_proxy(text: str) -> str:
    """*text*, if it is an IP address, a network, or ``unix:`` for clients at a Unix socket."""
    return check_network("http(trusted_proxies=…)", text, "unix:")


def address_source(name: str, trusted_proxies: Sequence[str]) -> str:
    """*name*, in lower case, if it is a field that tells a client's address and somebody's word is believed."""
    known = [each.value for each in Source]
    if not isinstance(name, str) or name.lower() not in known:
        hint = f"write {', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
        raise ConfigError(f"http(client_address_from=…): {name!r} tells no client's address", hint=hint)
    if name.lower() != DEFAULT_SOURCE and not trusted_proxies:
        raise ConfigError(
            f"http(client_address_from={name!r}): nobody's word is believed without trusted_proxies",
            hint='write trusted_proxies=["10.0.0.0/8"] too',
        )
    return name.lower()
