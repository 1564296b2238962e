"""Who is measured, and the peer behind them: how each is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from os import cpu_count, sched_getaffinity, sched_setaffinity
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.bench.scenarios import LARGE, Scenario
from tests.integration.applications import Php
from tests.integration.peers import nginx_with, stream_module
from tests.integration.support import Program, folder, free_port, proxy
from tests.support.authorities import Authority

PROGRAMS = Path(__file__).with_name("programs")

# The proxy has a core of its own where there are two; clients and peer share the other.
PROXY_CORE, OTHER_CORE = 0, 1


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started here runs on *core* alone, if there are several."""
    before = sched_getaffinity(0)
    if (cpu_count() or 1) > 1 and core in before:
        sched_setaffinity(0, {core})
    try:
        yield
    finally:
        sched_setaffinity(0, before)


@cache
def certificate() -> Path:
    """The folder of a certificate for this machine."""
    files = folder()
    Authority().issue("localhost").save(files, "localhost")
    return files


def start_pydsl_proxy(peer: int | str, scenario: Scenario) -> Program:
    """The proxy at hand."""
    port = free_port()
    if scenario.passed:
        listen = f"tcp:{port}:interface=127.0.0.1:backlog=4096"
        passed = f'http(stream("{listen}").proxy_to("127.0.0.1:{peer}"), access_log="/dev/null", shutdown_grace=0)'
        return proxy(f"from pydsl_proxy import http, stream\n\nproxy = {passed}\n", port)
    files = certificate()
    verb = {"tunnel": "websocket_to(app, tunnel=True)", "bridge": "websocket_to(app)", "": "proxy_to(app)"}
    config = f"""
from pydsl_proxy import clients, fastcgi, http, server, tls, upstream

secure = {f"tls({str(files / 'localhost.pem')!r}, {str(files / 'localhost.key')!r})" if scenario.streams else None}
via = {f"fastcgi(root={str(PROGRAMS)!r})" if scenario.fastcgi else None}
address = "{f"127.0.0.1:{peer}" if isinstance(peer, int) else f"unix:{peer}"}"
app = upstream("app", address, keepalive={256 if scenario.pooled else 0}, via=via)
web = server("tcp:{port}:interface=127.0.0.1:backlog=4096", tls=secure).location("/").{verb[scenario.websocket]}
proxy = http(web, access_log="/dev/null", shutdown_grace=0, clients=clients(keepalive_requests=10**9))
"""
    return proxy(config, port)


def start_nginx(peer: int | str, scenario: Scenario) -> Program:
    """nginx."""
    if scenario.fastcgi:
        return nginx_with(PROGRAMS / "fastcgi.nginx.conf", folder(), peer=peer, root=str(PROGRAMS))
    if scenario.passed:
        return nginx_with(PROGRAMS / "stream.nginx.conf", folder(), peer=peer, modules=stream_module())
    template, files = PROGRAMS / "proxy.nginx.conf", certificate()
    secure = f"ssl_certificate {files}/localhost.pem; ssl_certificate_key {files}/localhost.key;"
    # Since nginx 1.25.1 `http2 on` is what to write; this is understood by later ones too.
    words = {"http2": "ssl http2", "secure": secure} if scenario.streams else {"http2": "", "secure": ""}
    if scenario.websocket:
        upgraded = "upgrade; proxy_set_header Upgrade $http_upgrade"
        return nginx_with(template, folder(), peer=peer, connection=upgraded, keepalive="", **words)
    if scenario.pooled:
        return nginx_with(template, folder(), peer=peer, connection='""', keepalive="keepalive 256;", **words)
    return nginx_with(template, folder(), peer=peer, connection="close", keepalive="", **words)


def start_reverse_proxy_resource(peer: int | str, scenario: Scenario) -> Program:
    """Twisted's own, which never keeps a connection to the peer."""
    if scenario.fastcgi:
        raise SkipTest("it speaks no FastCGI")
    if scenario.passed:
        raise SkipTest("it reads HTTP")
    if scenario.streams:
        raise SkipTest("it is measured without TLS")
    if scenario.websocket:
        raise SkipTest("it speaks no WebSocket")
    port = free_port()
    return Program([sys.executable, PROGRAMS / "reverse_proxy_resource.py", str(port), str(peer)], port)


def start_peer(scenario: Scenario) -> Program:
    """nginx where it is installed; but it does not read uploads that it does not keep.  Or it is PHP-FPM."""
    if scenario.fastcgi:
        if shutil.which("wrk") is None:
            raise SkipTest(
                "wrk is not installed, and the other client knows declared lengths only: apt-get install wrk"
            )
        return Php()
    if scenario.streams and shutil.which("h2load") is None:
        raise SkipTest("h2load is not installed: apt-get install nghttp2-client")
    if not scenario.sends:
        files = folder()
        (files / "large").write_bytes(bytes(LARGE))
        try:
            return nginx_with(PROGRAMS / "peer.nginx.conf", files, filler="x" * 187)
        except SkipTest as reason:
            print(f"the peer is Python's: {reason}", file=sys.stderr)
    port = free_port()
    return Program([sys.executable, PROGRAMS / "peer.py", str(port)], port)


CONTENDERS: dict[str, Callable[[int | str, Scenario], Program]] = {
    "nginx": start_nginx,
    "pydsl_proxy": start_pydsl_proxy,
    "ReverseProxyResource": start_reverse_proxy_resource,
}
