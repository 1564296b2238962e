"""What clients may ask for and how long they may take."""

from __future__ import annotations

import attrs
from attrs import frozen

from pydsl_proxy.numbers import count, seconds, size
from pydsl_proxy.spelling import call, options
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
) -> Clients:
    """Limits on clients, for ``http(…, clients=…)``.

    A *request_line* of more bytes is answered with 414, a longer *head* or more *fields* with 431.  A head must come
    within *head_timeout* seconds in all; *body_timeout* and *send_timeout* are between two reads and two writes.  An
    idle connection is kept for *keepalive_timeout* seconds, for *keepalive_requests* requests, and until it is
    *keepalive_time* seconds old.  A client that has closed its half is given up if its answer does not begin within
    *half_close* seconds: whether it still reads cannot be seen before.
    """
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
    }
    for name, value in times.items():
        seconds(f"clients({name}=…)", value)
    return Clients(
        request_line=request_line,
        head=head,
        fields=fields,
        keepalive_requests=keepalive_requests,
        **times,
    )
