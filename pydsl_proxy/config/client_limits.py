"""What clients may ask for and how long they may take."""

from __future__ import annotations

import attrs
from attrs import frozen

from pydsl_proxy.errors.numbers import count, seconds, size
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.units import KiB


@frozen(kw_only=True, repr=False)
class Clients:
    """Limits on clients, made by :func:`clients`; sizes in bytes, times in seconds."""

    # nginx: large_client_header_buffers 4 8k, so 8 KiB a line and 32 KiB in all; 1,000 fields since 1.29.2.
    request_line: int = 8 * KiB
    head: int = 32 * KiB
    # HAProxy 101, Apache 100, Twisted 500.
    fields: int = 100
    # nginx: client_header_timeout, client_body_timeout, send_timeout.
    head_timeout: float = 60
    body_timeout: float = 60
    send_timeout: float = 60
    # nginx: keepalive_timeout, keepalive_requests, keepalive_time.
    keepalive_timeout: float = 75
    keepalive_requests: int = 1000
    keepalive_time: float = 3600
    half_close: float = 5
    # Caddy 5; nginx has it within client_header_timeout. The proxy in front sends it with its first packet.
    proxy_header_timeout: float = 3
    # Apache's mod_reqtimeout has 500 and 20, Kestrel 240 and 5; nginx, HAProxy and Envoy have no such limit.
    min_body_rate: int = 0
    min_send_rate: int = 0
    rate_grace: float = 20
    # HAProxy: maxconn; nginx: worker_connections.
    connections: int | None = None
    connections_per_client: int | None = None

    def __repr__(self) -> str:
        return call("clients", options(self, *(each.name for each in attrs.fields(type(self)))))


DEFAULT_CLIENTS = Clients()


def clients(
    *,
    request_line: int = 8 * KiB,
    head: int = 32 * KiB,
    fields: int = 100,
    head_timeout: float = 60,
    body_timeout: float = 60,
    send_timeout: float = 60,
    keepalive_timeout: float = 75,
    keepalive_requests: int = 1000,
    keepalive_time: float = 3600,
    half_close: float = 5,
    proxy_header_timeout: float = 3,
    min_body_rate: int = 0,
    min_send_rate: int = 0,
    rate_grace: float = 20,
    connections: int | None = None,
    connections_per_client: int | None = None,
) -> Clients:
    """Limits on clients, for ``http(…, clients=…)``.

    A *request_line* of more bytes is answered with 414, a longer *head* or more *fields* with 431.  A head must come
    within *head_timeout* seconds in all; *body_timeout* and *send_timeout* are between two reads and two writes.  An
    idle connection is kept for *keepalive_timeout* seconds, for *keepalive_requests* requests, and until it is
    *keepalive_time* seconds old.  A client that has closed its half is given up if nothing of its answer is sent for
    *half_close* seconds: whether it still reads cannot be seen before.  At a listener with
    ``proxy_protocol`` the header must come within *proxy_header_timeout* seconds.

    A client must send a body at *min_body_rate* bytes a second, and take responses at *min_send_rate*, on average over
    each *rate_grace* seconds; 0 asks for no rate.  Time in which the proxy itself does not read or send is not counted.
    What is too slow is answered with 408, or cut off.

    Beyond *connections* in all, or *connections_per_client* of one address (IPv6: one /64 network), further
    connections are closed at once; None is no limit.  Trusted proxies and UNIX sockets count in the sum alone.
    """
    size("clients(min_body_rate=…)", min_body_rate)
    size("clients(min_send_rate=…)", min_send_rate)
    _connections("connections", connections)
    _connections("connections_per_client", connections_per_client)
    size("clients(request_line=…)", request_line)
    size("clients(head=…)", head)
    count("clients(fields=…)", fields, least=1)
    count("clients(keepalive_requests=…)", keepalive_requests, least=1)
    times = {
        "head_timeout": head_timeout,
        "body_timeout": body_timeout,
        "send_timeout": send_timeout,
        "keepalive_timeout": keepalive_timeout,
        "keepalive_time": keepalive_time,
        "half_close": half_close,
        "proxy_header_timeout": proxy_header_timeout,
        "rate_grace": rate_grace,
    }
    for name, value in times.items():
        seconds(f"clients({name}=…)", value)
    return Clients(
        request_line=request_line,
        head=head,
        fields=fields,
        keepalive_requests=keepalive_requests,
        min_body_rate=min_body_rate,
        min_send_rate=min_send_rate,
        connections=connections,
        connections_per_client=connections_per_client,
        **times,
    )


def _connections(name: str, most: int | None) -> None:
    if most is not None:
        count(f"clients({name}=…)", most, least=1)
