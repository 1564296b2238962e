"""Every argument of every public function and verb is given what it cannot be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

import pydsl_proxy
from pydsl_proxy import header, location, regex, server, stream, upstream
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.streams.stream import OpenStream
from pydsl_proxy.errors import ConfigError, ConfigErrors


class Anything:
    """An object of no use."""


async def asgi_app(scope: object, receive: object, send: object) -> None:
    """Nothing that these tests run."""


def wsgi_app(environ: object, start_response: object) -> list[bytes]:
    """Nothing that these tests run."""
    return []


WRONG: tuple[object, ...] = (
    *(None, True, False, 0, 5, -1, 10**12, 1.5, float("nan"), float("inf")),
    *("", "x", "/x", "é", "\0", "a b", "\ud800", "$host", "a:1:2", b"", b"x"),
    *((), [], ["x"], [None], [[]], {}, {"a": 1}, {1: None}, {"x"}, object(), Anything, Anything(), print, len),
    *(header, header("x-a"), regex("x"), upstream("app", "a:1"), location("/"), server(80), Resource(), lambda: None),
)

#: Arguments with which a function can be called; those without any need none.
RIGHT: dict[str, tuple[object, ...]] = {
    "header": ("x-a",),
    "cookie": ("sid",),
    "query": ("page",),
    "hash_by": (header("x-a"),),
    "upstream": ("app", "a:1"),
    "peer": ("a:1",),
    "server": (80,),
    "http": (server(80).location("/").respond(200),),
    "stream": (80,),
    "tls": ("a.pem", "a.key"),
    "location": ("/",),
    "exact": ("/",),
    "prefix": ("/",),
    "regex": ("x",),
    "named": ("x",),
    "map_value": (header("x-a"), {"a": "b"}),
    "split_clients": (header("x-a"), {"a": 5}),
    "allow": ("10.0.0.0/8",),
    "deny": ("10.0.0.0/8",),
    "asgi": (asgi_app,),
    "auth_request": ("a:1",),
    "basic_auth": ("users",),
    "error_page": (404,),
    "handle": (location("/").respond(200).handler,),
    "ignore_response_header": ("X-Accel-Redirect",),
    "limit_body": (5,),
    "limit_connections": (5,),
    "limit_rate": (5,),
    "limit_requests": ("5/s",),
    "mirror": ("a:1",),
    "mount": (Resource(),),
    "proxy_to": ("a:1",),
    "websocket_to": ("a:1",),
    "redirect_to": ("https://example.com/",),
    "respond": (200, "ok"),
    "rewrite": ("^/a", "/b"),
    "rewrite_cookie_domain": ({"a": "b"},),
    "rewrite_cookie_path": ({"/a": "/b"},),
    "satisfy": ("any",),
    "serve_files": ("/srv",),
    "set_request_header": ("X-A", "b"),
    "set_response_header": ("X-A", "b"),
    "remove_request_header": ("X-A",),
    "hide_response_header": ("X-A",),
    "strip_prefix": ("/a",),
    "timeouts": (),
    "when": (header("x-a").exists(),),
    "wsgi": (wsgi_app,),
    "equals": ("a",),
    "is_in": (["a"],),
    "matches": ("a",),
    "within": ("10.0.0.0/8",),
    "including": (location("/").respond(200),),
}

#: Options that a function wants to have some of.
OPTIONS: dict[str, dict[str, object]] = {
    "error_page": {"body": "x"},
    "set_cookie_flags": {"secure": True},
    "timeouts": {"connect": 1},
    "tls": {"client_ca": "ca.pem"},
}

#: What is not called in a configuration, or takes anything at all.
_LEFT_OUT = {"load", "build", "as_resource", "close_websocket", "step", "filter", "compile", "octets"}


def functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """Every function and verb, by its name."""
    for name in pydsl_proxy.__all__:
        made = getattr(pydsl_proxy, name)
        if inspect.isfunction(made):
            yield name, made
    owners: tuple[object, ...] = (location("/"), stream(80), server(80), header("x-a"))
    for owner in owners:
        for name, verb in inspect.getmembers(owner, inspect.ismethod):
            if not name.startswith("_"):
                yield name, verb


def calls(name: str, function: Callable[..., object]) -> Iterator[Callable[[], object]]:
    """The function with one of its arguments wrong, all others right."""
    right, options = RIGHT.get(name, ()), OPTIONS.get(name, {})
    parameters = inspect.signature(function).parameters.values()
    places = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
    # One more than are right, if it takes any number or the next one has a default.
    most = max(len(places), len(right) + 1) if any(each.kind is each.VAR_POSITIONAL for each in places) else len(places)
    for wrong in WRONG:
        for place in range(min(most, len(right) + 1)):
            yield partial(function, *right[:place], wrong, *right[place + 1 :], **options)
        for each in parameters:
            if each.kind is each.KEYWORD_ONLY:
                yield partial(function, *right, **{**options, each.name: wrong})


class WrongArgumentTests(SynchronousTestCase):
    """Whatever is passed, what is refused is refused by a ConfigError: it says where, and what to write."""

    def test_all(self) -> None:
        """Each function and verb, with each argument wrong."""
        found = set()
        for name, function in functions():
            if name in _LEFT_OUT:
                continue
            for call in calls(name, function):
                try:
                    call()
                except (ConfigError, ConfigErrors):
                    pass
                except Exception as error:
                    found.add(f"{name}: {type(error).__name__}: {error}"[:150])
        self.assertEqual(sorted(found), [])

    def test_build(self) -> None:
        """What is no configuration cannot be built either."""
        for wrong in WRONG:
            with self.assertRaises((ConfigError, ConfigErrors)):
                pydsl_proxy.build(wrong, MemoryReactorClock())  # type: ignore[arg-type]  # what is tested

    def test_whole(self) -> None:
        """All verbs are looked at."""
        names = {name for name, _ in functions()}
        for owner in (Scope, OpenLocation, OpenStream, Server):
            verbs = {name for name, verb in inspect.getmembers(owner, inspect.isfunction) if not name.startswith("_")}
            self.assertEqual(verbs - names, set())

    def test_right(self) -> None:
        """The arguments that are right are accepted, or what is wrong would not be what is refused."""
        for name, function in functions():
            if name not in _LEFT_OUT:
                function(*RIGHT.get(name, ()), **OPTIONS.get(name, {}))
