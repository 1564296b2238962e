"""Trusted proxies: addresses and networks whose forwarding fields are believed."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

from pydsl_proxy.errors import ConfigError

_HINT = 'write an address, a network such as "10.0.0.0/8", or "unix:"'


def trusted_proxy(text: str) -> str:
    """*text*, if it is an IP address, a network, or ``unix:`` for clients at a Unix socket."""
    if not isinstance(text, str):
        raise ConfigError(f"http(trusted_proxies=…): {text!r} is not a string", hint=_HINT)
    if text == "unix:":
        return text
    try:
        ip_network(text)
    except ValueError:
        raise ConfigError(f"http(trusted_proxies=…): {text!r} {_reason(text)}", hint=_instead_of(text)) from None
    return text


def _reason(text: str) -> str:
    return "is not an address or a network" if _masked(text) is None else "has bits set behind its mask"


def _instead_of(text: str) -> str:
    masked = _masked(text)
    if masked is None:
        return _HINT
    return f'write "{masked}" for the network, or "{text.partition("/")[0]}" for the one address'


def _masked(text: str) -> str | None:
    """The network of an address that is written with a mask."""
    try:
        return str(ip_interface(text).network)
    except ValueError:
        return None
