"""Who may tell clients' addresses by the PROXY protocol, at each listener."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.wire.connection.forwarded import TrustedProxies


def senders_of(chosen: Mapping[str, Sequence[Server | Stream]]) -> dict[str, TrustedProxies]:
    """Those of the listeners that have any, by their endpoint strings; the servers of a listener agree."""
    return {
        listen: TrustedProxies([ip_network(each) for each in told if each != "unix:"], "unix:" in told)
        for listen, servers in chosen.items()
        if (told := servers[0].proxy_protocol)
    }
