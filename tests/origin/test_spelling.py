"""A config value's repr is the code that made it."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import (
    cookie,
    exact,
    header,
    host,
    http,
    least_conn,
    location,
    map_value,
    method,
    named,
    peer,
    prefix,
    regex,
    server,
    split_clients,
    upstream,
    upstream_tls,
)
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.matching import Match
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.upstreams import Peer, Upstream
from pydsl_proxy.features.retries import RetryCondition
from pydsl_proxy.values.conditions import ConditionSource
from pydsl_proxy.values.value import Value

_words = st.text("abcxyz", min_size=1, max_size=4)
_seconds = st.integers(1, 100) | st.floats(0.001, 100)
_texts = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs", "Cc"]))
_requests: st.SearchStrategy[str | Value] = st.sampled_from([host, header("x-a"), f"https://{host}/{header('x-a')}"])
_values: st.SearchStrategy[str | Value] = st.one_of(_texts, _requests)
_bodies: st.SearchStrategy[bytes | str | Value] = st.one_of(st.binary(), _values)
_addresses = st.builds("{}:{}".format, _words, st.integers(1, 65535)) | st.builds("unix:/{}".format, _words)
_matches: st.SearchStrategy[str | Match] = st.builds("/{}".format, _words).flatmap(
    lambda path: st.sampled_from([path, exact(path), prefix(path, stop=True), regex(f"^{path}", ignore_case=True)])
)
_conditions: st.SearchStrategy[RetryCondition] = st.sampled_from(["connect", "error", "timeout", 503])


_REWRITINGS: list[Callable[[Scope], Scope]] = [
    lambda scope: scope.buffer_response(3, memory=2, spool="/a").buffer_request(spool=False),
    lambda scope: scope.buffer_response().buffer_request(None).ignore_response_header("x-accel-redirect"),
    lambda scope: scope.strip_prefix("/a"),
    lambda scope: scope.rewrite(r"^/(a)\d", r"/\1?" + host, last=True),
    lambda scope: scope.rewrite(regex("^/x", ignore_case=True), f"https://{host}/", redirect=308),
    lambda scope: scope.error_page(404, 410, to="/404.html", status=200, intercept=True),
    lambda scope: scope.error_page(502, to=named("other"), status="target").error_page(500, body=f"<b>{host}</b>"),
    lambda scope: scope.mirror("a:1", percent=2.5, body=0, in_flight=1),
    lambda scope: scope.satisfy("any").deny("10.0.0.0/8", "unix:").basic_auth("/f", realm="a b", allow_sha1=True),
    lambda scope: scope.auth_request("a:1", path="/v?a", copy=["X-User"], pass_reply=True).allow("2001:db8::/32"),
    lambda scope: scope.basic_auth(None).auth_request(None),
    lambda scope: scope.rewrite_cookie_domain({"a": "b"}).rewrite_cookie_path({regex("^/a"): "/"}),
    lambda scope: scope.set_cookie_flags("sid", secure=True, httponly=False, samesite="lax"),
    lambda scope: scope.set_request_header("X", map_value(host, {"a": "b", regex("c"): header("d")}, default=host)),
    lambda scope: scope.set_request_header("X", f"{split_clients(cookie('sid'), {'a': 0.5}, rest='b')}-"),
]
_when: st.SearchStrategy[ConditionSource | None] = st.sampled_from(
    [
        None,
        method.equals("GET"),
        ~host.is_in(["a", "b"]) & (header("x").exists() | host.matches(r"\d", ignore_case=True)),
    ]
)


@st.composite
def featured(draw: st.DrawFn, scope: Scope) -> Scope:
    """*scope* with some features."""
    for verb in draw(st.lists(st.integers(0, 9), max_size=3)):
        if verb == 9:
            scope = draw(st.sampled_from(_REWRITINGS))(scope)
        elif verb == 0:
            scope = scope.set_request_header(draw(_words), draw(_values))
        elif verb == 1:
            scope = scope.hide_response_header(draw(_words))
        elif verb == 2:
            scope = scope.timeouts(connect=draw(_seconds), read=draw(st.none() | _seconds))
        elif verb == 3:
            scope = scope.retry(draw(st.none() | st.integers(1, 5)), on=draw(st.lists(_conditions)))
        elif verb == 4:
            scope = scope.limit_body(draw(st.none() | st.integers(0, 10**9)))
        elif verb == 5:
            rate = f"{draw(st.integers(1, 99))}/{draw(st.sampled_from('smh'))}"
            key = draw(_values.filter(lambda value: value != ""))
            scope = scope.limit_requests(rate, key=key, burst=draw(st.integers(5, 9)), delay=draw(st.integers(0, 5)))
        elif verb == 6:
            scope = scope.limit_connections(draw(st.integers(1, 9)), status=503, shadow=draw(st.booleans()))
        elif verb == 7:
            level, types = draw(st.none() | st.integers(1, 9)), draw(st.sampled_from([["*/*"], ["text/html", "a/*"]]))
            scope = scope.compress("gzip", level=level, types=types, flush=draw(st.booleans()))
        else:
            scope = scope.limit_rate(draw(st.none() | st.integers(1, 10**9)), after=draw(st.integers(0, 9)))
    return scope


_peers: st.SearchStrategy[Peer] = st.builds(
    peer,
    _addresses,
    weight=st.integers(1, 9),
    max_fails=st.integers(0, 9),
    fail_timeout=_seconds,
    max_conns=st.none() | st.integers(1, 9),
)


@st.composite
def upstreams(draw: st.DrawFn) -> Upstream:
    """Any upstream."""
    peers = draw(st.lists(_peers, min_size=1, max_size=3, unique_by=lambda each: each.address))
    keepalive = draw(st.integers(0, 99))
    name = draw(_words)
    tls = draw(st.sampled_from([None, upstream_tls(name="a.test", ca="ca.pem"), upstream_tls(verify=False)]))
    if draw(st.booleans()):
        return upstream(name, least_conn(), *peers, keepalive=keepalive, tls=tls)
    return upstream(name, *peers, keepalive=keepalive, tls=tls, send_proxy_protocol=draw(st.sampled_from([None, 2])))


@st.composite
def locations(draw: st.DrawFn) -> Location:
    """Any location."""
    kind = draw(st.integers(0, 3))
    opened = location(draw(_matches))
    if (condition := draw(_when)) is not None:
        opened = opened.when(condition).internal()
    if kind == 0:
        made = opened.proxy_to(draw(upstreams()))
    elif kind == 1:
        made = opened.proxy_to(draw(_addresses))
    elif kind == 2:
        made = opened.respond(draw(st.integers(400, 499).filter(lambda n: n != 444)), draw(_bodies))
    else:
        made = opened.redirect_to("https://" + draw(_words), draw(st.sampled_from([301, 302, 308])))
    whole = draw(featured(made))
    assert isinstance(whole, Location)
    return whole


@st.composite
def wholes(draw: st.DrawFn) -> Http:
    """Any configuration."""
    servers = []
    for _ in range(draw(st.integers(1, 2))):
        names = draw(st.lists(_words.map("{}.example.com".format)))
        senders = draw(st.sampled_from([None, ["10.0.0.0/8", "unix:"]]))
        made = draw(featured(server(draw(st.integers(0, 65535)), names=names, proxy_protocol=senders)))
        assert isinstance(made, Server)
        servers.append(made.including(*draw(st.lists(locations(), max_size=3))))
    grace, log = draw(st.integers(0, 99)), draw(st.sampled_from(["-", "access.log", None]))
    lag = draw(st.sampled_from([None, 0.25, 1]))
    whole = http(*servers, shutdown_grace=grace, access_log=log, trusted_proxies=["10.0.0.0/8"], loop_lag=lag)
    made_whole = draw(featured(whole))
    assert isinstance(made_whole, Http)
    return made_whole


class SpellingTests(SynchronousTestCase):
    """Code and value."""

    @settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    @given(wholes())
    def test_eval(self, whole: Http) -> None:
        """A configuration equals the evaluation of its repr with the public names."""
        names = {name: getattr(pydsl_proxy, name) for name in pydsl_proxy.__all__}
        self.assertEqual(eval(repr(whole), names), whole)

    def test_shortest(self) -> None:
        """What is as by default is left out."""
        code = (
            "http(server(80, 'unix:/a', names=['a.b']).timeouts(read=3).location(exact('/x')).retry(2)"
            ".respond(200, 'ok').location('/')"
            ".proxy_to(upstream('app', least_conn(), 'a:1', peer('b:1', weight=2)), path='/v1/'),"
            " access_log=None)"
        )
        names = {name: getattr(pydsl_proxy, name) for name in pydsl_proxy.__all__}
        self.assertEqual(repr(eval(code, names)), code)
