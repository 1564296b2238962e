"""Each number of a configuration is taken down to its bound, and refused below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import (
    clients,
    http,
    http2,
    location,
    peer,
    server,
    stream,
    tls,
    upstream,
    uwsgi,
)
from pydsl_proxy.errors import ConfigError
from tests.config.test_wrong_arguments import asgi_app, wsgi_app

OPEN: Any = location("/")
STREAM: Any = stream(80)
SITE = server(80).location("/").respond(200)

#: Counts that may be as low as this, and what takes them.
COUNTS: Mapping[int, tuple[Callable[[Any], object], ...]] = {
    0: (
        lambda number: peer("a:1", max_fails=number),
        lambda number: upstream("app", "a:1", keepalive=number),
        lambda number: tls("a.pem", "a.key", client_ca="ca.pem", verify_depth=number),
        lambda number: server(443, tls=tls("a.pem", "a.key")).hsts(max_age=number),
        lambda number: OPEN.wsgi(wsgi_app, queue=number),
        lambda number: OPEN.limit_requests("1/s", burst=number),
        lambda number: OPEN.limit_requests("1/s", burst=5, delay=number),
        lambda number: OPEN.limit_rate(5, after=number),
        lambda number: OPEN.limit_body(number),
        lambda number: OPEN.mirror("a:1", body=number),
        lambda number: OPEN.compress(min_length=number),
        lambda number: uwsgi(modifier1=number),
        lambda number: uwsgi(modifier2=number),
        lambda number: clients(min_body_rate=number),
        lambda number: clients(min_send_rate=number),
        lambda number: http(SITE, shutdown_grace=number),
    ),
    1: (
        lambda number: peer("a:1", weight=number),
        lambda number: peer("a:1", max_conns=number),
        lambda number: upstream("app", "a:1", keepalive_requests=number),
        lambda number: clients(fields=number),
        lambda number: clients(keepalive_requests=number),
        lambda number: clients(connections=number),
        lambda number: clients(connections_per_client=number),
        lambda number: OPEN.mirror("a:1", in_flight=number),
        lambda number: OPEN.buffer_response(number),
        lambda number: OPEN.buffer_response(5, memory=number),
        lambda number: OPEN.buffer_request(number),
        lambda number: OPEN.buffer_request(5, memory=number),
        lambda number: OPEN.retry(number),
        lambda number: STREAM.retry(number),
        lambda number: STREAM.limit_connections(number),
        lambda number: OPEN.limit_connections(number),
        lambda number: OPEN.limit_requests("1/s", keys=number),
        lambda number: OPEN.asgi(asgi_app, max_message=number),
        lambda number: OPEN.wsgi(wsgi_app, threads=number),
        lambda number: OPEN.websocket_to("a:1", max_message=number),
        lambda number: OPEN.websocket_to("a:1", message_rate="1/s", burst=number),
        lambda number: OPEN.compress(level=number),
        lambda number: tls("a.pem", "a.key", session_timeout=number),
        lambda number: http2(streams=number),
    ),
}
#: Times, which are above 0.
TIMES: tuple[Callable[[Any], object], ...] = (
    lambda time: peer("a:1", fail_timeout=time),
    lambda time: upstream("app", "a:1", keepalive_timeout=time),
    lambda time: upstream("app", "a:1", keepalive_time=time),
    lambda time: clients(head_timeout=time),
    lambda time: clients(body_timeout=time),
    lambda time: clients(send_timeout=time),
    lambda time: clients(keepalive_timeout=time),
    lambda time: clients(keepalive_time=time),
    lambda time: clients(half_close=time),
    lambda time: clients(proxy_header_timeout=time),
    lambda time: clients(rate_grace=time),
    lambda time: http(SITE, loop_lag=time),
    lambda time: OPEN.timeouts(connect=time),
    lambda time: OPEN.timeouts(send=time),
    lambda time: OPEN.timeouts(read=time),
    lambda time: OPEN.timeouts(idle=time),
    lambda time: STREAM.timeouts(connect=time),
    lambda time: STREAM.timeouts(idle=time),
    lambda time: OPEN.retry(timeout=time),
    lambda time: STREAM.retry(timeout=time),
    lambda time: OPEN.auth_request("a:1", timeout=time),
    lambda time: OPEN.websocket_to("a:1", ping=time),
    lambda time: tls("a.pem", "a.key", reload_every=time),
)


class BoundTests(SynchronousTestCase):
    """Bounds, which are part of what may be."""

    def test_counts(self) -> None:
        """Counts and sizes are taken from their bound on, and what is less is refused."""
        for least, makers in COUNTS.items():
            for make in makers:
                make(least)
                self.assertRaises(ConfigError, make, least - 1)

    def test_times(self) -> None:
        """Times are taken however short they are; none is refused."""
        for make in TIMES:
            make(0.001)
            for time in (0, -1, float("inf"), float("nan"), True):
                self.assertRaises(ConfigError, make, time)

    def test_most(self) -> None:
        """Where there is a highest value, it is taken, and the next one refused."""
        for make, most in (
            (lambda number: OPEN.compress(level=number), 9),
            (lambda number: uwsgi(modifier1=number), 255),
            (lambda number: uwsgi(modifier2=number), 255),
            (lambda number: OPEN.limit_requests("1/s", burst=5, delay=number), 5),
        ):
            make(most)
            self.assertRaises(ConfigError, make, most + 1)
