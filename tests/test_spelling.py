"""A config value's repr is the code that made it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import exact, header, host, http, least_conn, location, peer, prefix, regex, server, upstream
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.matching import Match
from pydsl_proxy.config.retries import RetryCondition
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.sites import Http, Server
from pydsl_proxy.config.upstreams import Peer, Upstream
from pydsl_proxy.wire.values import Value

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


@st.composite
def featured(draw: st.DrawFn, scope: Scope) -> Scope:
    """*scope* with some features."""
    for verb in draw(st.lists(st.integers(0, 4), max_size=3)):
        if verb == 0:
            scope = scope.set_request_header(draw(_words), draw(_values))
        elif verb == 1:
            scope = scope.hide_response_header(draw(_words))
        elif verb == 2:
            scope = scope.timeouts(connect=draw(_seconds), read=draw(st.none() | _seconds))
        elif verb == 3:
            scope = scope.retry(draw(st.none() | st.integers(1, 5)), on=draw(st.lists(_conditions)))
        else:
            scope = scope.limit_body(draw(st.none() | st.integers(0, 10**9)))
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
    if draw(st.booleans()):
        return upstream(name, least_conn(), *peers, keepalive=keepalive)
    return upstream(name, *peers, keepalive=keepalive)


@st.composite
def locations(draw: st.DrawFn) -> Location:
    """Any location."""
    kind = draw(st.integers(0, 3))
    opened = location(draw(_matches))
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
        made = draw(featured(server(draw(st.integers(0, 65535)), names=names)))
        assert isinstance(made, Server)
        servers.append(made.including(*draw(st.lists(locations(), max_size=3))))
    grace, log = draw(st.integers(0, 99)), draw(st.sampled_from(["-", "access.log", None]))
    made_whole = draw(featured(http(*servers, shutdown_grace=grace, access_log=log, trusted_proxies=["10.0.0.0/8"])))
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
