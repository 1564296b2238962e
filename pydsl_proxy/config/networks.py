"""Addresses and networks of clients, as users write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_interface, ip_network

from pydsl_proxy.errors import ConfigError

# RFC 4291 2.5.5.2: IPv4 inside IPv6.
_MAPPED = IPv6Network("::ffff:0:0/96")


def check_network(what: str, text: str, *words: str) -> str:
    """*text*, if it is an IP address, a network, or one of *words*; the error begins with *what*."""
    if not isinstance(text, str):
        raise ConfigError(f"{what}: {text!r} is not a string", hint=_hint(words))
    if text in words:
        return text
    try:
        network = ip_network(text)
    except ValueError:
        raise ConfigError(f"{what}: {text!r} {_reason(text)}", hint=_instead_of(text, words)) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        length = network.prefixlen - 96
        hint = f'write "{address}"' if length == 32 else f'write "{address}/{length}"'
        raise ConfigError(f"{what}: {text!r} is IPv4 inside IPv6, and such clients count as IPv4", hint=hint)
    return text


def _reason(text: str) -> str:
    return "is not an address or a network" if _masked(text) is None else "has bits set behind its mask"


def _instead_of(text: str, words: tuple[str, ...]) -> str:
    masked = _masked(text)
    if masked is not None:
        return f'write "{masked}" for the network, or "{text.partition("/")[0]}" for the one address'
    return _hint(words)


def _hint(words: tuple[str, ...]) -> str:
    *first, last = ["an address", 'a network such as "10.0.0.0/8"', *(f'"{word}"' for word in words)]
    return f"write {', '.join(first)}, or {last}"


def _masked(text: str) -> str | None:
    """The network of an address that is written with a mask."""
    try:
        return str(ip_interface(text).network)
    except ValueError:
        return None
