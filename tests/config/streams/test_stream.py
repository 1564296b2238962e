"""Tests of streams as users write them, and of the mistakes that they can make."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import (
    as_resource,
    client_address,
    hash_by,
    header,
    host,
    http,
    load,
    map_value,
    path,
    server,
    stream,
    tls,
    upstream,
    upstream_tls,
)
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Http
from pydsl_proxy.config.streams.stream import OpenStream, Stream
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial
from pydsl_proxy.service import verify
from pydsl_proxy.testing import run

STRICT = tls("c", "k", strict_host=True)
DB = upstream("db", "a:1", "b:1")


class Spoken:
    """A connector of the user's own."""

    def __repr__(self) -> str:
        return "Spoken()"

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        raise NotImplementedError


def mistakes(config: Http) -> list[tuple[str, str | None]]:
    """Text and hint of all that is wrong with *config*."""
    return [(error.message, error.hint) for error in check(config)]


class StreamTests(SynchronousTestCase):
    """What ``stream(…)`` makes."""

    def test_repr(self) -> None:
        """It is the code that makes it."""
        for code in (
            "stream(5432).proxy_to('a:1')",
            "stream(5432, 'unix:/run/x').timeouts(connect=1, idle=3).retry(2, timeout=4).proxy_to('a:1')",
            "stream(443, names=['a.test', '*.b.test'], proxy_protocol=['10.0.0.0/8']).retry().proxy_to('a:1')",
            "stream(443, tls=tls('c', 'k')).allow('10.0.0.1').deny('all').proxy_to(upstream('db', 'a:1', 'b:1'))",
            "stream(5432).limit_connections(2).limit_connections(3, key=client_port).proxy_to('a:1')",
        ):
            made = eval(code, vars(pydsl_proxy).copy())
            self.assertEqual(repr(made), code)
            self.assertEqual(eval(repr(http(made)), vars(pydsl_proxy).copy()), http(made))

    def test_verbs_give_copies(self) -> None:
        """No verb changes what it is called on."""
        opened = stream(5432)
        opened.timeouts(idle=3).retry(2).limit_connections(1).allow("all").proxy_to(DB)
        self.assertEqual(opened.features, ())

    def test_order(self) -> None:
        """Servers and streams may be written in any order."""
        web = server(80).location("/").respond(200)
        passed = stream(81).proxy_to(DB)
        self.assertEqual(http(passed, web), http(web, passed))


class CallTests(SynchronousTestCase):
    """What one call can know to be wrong."""

    def test_calls(self) -> None:
        """Each tells what is wrong."""
        # As who has no type checker writes it.
        wrong = cast(Callable[..., OpenStream], stream)
        for call, text in (
            (lambda: wrong("5432"), "stream(): '5432' is not an endpoint string"),
            (lambda: wrong(5432, 5432), "stream(): 'tcp:5432' stands twice"),
            (lambda: wrong(443, names="a.test"), "stream(names=…) must be a list, not 'a.test'"),
            (lambda: wrong(443, tls="cert.pem"), "stream(tls=…): 'cert.pem' is not made by tls()"),
            (
                lambda: wrong(80, proxy_protocol=True),
                "stream(proxy_protocol=True): any client that connects could claim any address",
            ),
            (lambda: wrong(80).proxy_to(cast(str, 5)), "proxy_to(): 5 is not an upstream"),
            (lambda: wrong(80).timeouts(), "timeouts() without a time"),
            (lambda: stream(1, tls=STRICT), "stream(tls=tls(strict_host=True)): a stream has no Host"),
            (
                lambda: wrong(80).timeouts(idle=cast(float, "10m")),
                "timeouts(idle=…) must be a number of seconds, not '10m'",
            ),
            (lambda: wrong(80).retry(0), "retry(0): the first try counts too"),
            (lambda: wrong(80).limit_connections(0), "limit_connections(…) must be 1 or more, not 0"),
            (lambda: http(cast(Stream, stream(80))), "stream(80) has no upstream"),
        ):
            with self.assertRaises(ConfigError) as caught:
                call()
            self.assertEqual(caught.exception.message, text)

    def test_connector(self) -> None:
        """A stream speaks nothing to its peers."""
        with self.assertRaises(ConfigError) as caught:
            stream(80).proxy_to(upstream("app", "a:1", via=Spoken()))
        self.assertEqual(
            caught.exception.message, "proxy_to(): upstream 'app' is spoken to via=Spoken(); a stream speaks nothing"
        )

    def test_values(self) -> None:
        """A value of HTTP cannot choose a peer, nor count connections, wherever it stands."""
        for value in (header("x"), host, path, f"{client_address}{path}", map_value(host, {"a": "b"}, default="c")):
            with self.assertRaises(ConfigError) as caught:
                stream(80).proxy_to(upstream("db", hash_by(value), "a:1", "b:1"))
            self.assertIn("which is a matter of HTTP", caught.exception.message)
            with self.assertRaises(ConfigError):
                stream(80).limit_connections(1, key=value)
        stream(80).limit_connections(1, key=f"{client_address}!").proxy_to(
            upstream("db", hash_by(map_value(client_address, {"a": "b"}, default="c")), "a:1", "b:1")
        )


class WholeTests(SynchronousTestCase):
    """What only the whole can show to be wrong."""

    def test_shared_listener(self) -> None:
        """A stream and a server cannot share a listener; both lines are told."""
        web = server(80).location("/").respond(200)
        passed = stream(81, 80).proxy_to(DB)
        (error,) = check(http(web, passed))
        self.assertEqual(error.origin, passed.origin)
        self.assertEqual(error.message, f"a stream and a server listen at 'tcp:80'; the server: {web.origin}")

    def test_names(self) -> None:
        """Two streams at one listener need names that differ."""
        passed = [stream(80).proxy_to(DB), stream(80).proxy_to(DB)]
        self.assertIn("two streams without names at 'tcp:80'", mistakes(http(*passed))[0][0])
        passed = [stream(80, names=["a.test"]).proxy_to(DB), stream(80, names=["a.test"]).proxy_to(DB)]
        self.assertIn("two streams at 'tcp:80' claim the name 'a.test'", mistakes(http(*passed))[0][0])

    def test_tls(self) -> None:
        """All streams of a listener end TLS, or none; names need TLS that nobody has ended."""
        pair = tls("c.pem", "k.pem")
        passed = [stream(80, names=["a.test"]).proxy_to(DB), stream(80, names=["b.test"], tls=pair).proxy_to(DB)]
        self.assertIn("of the streams at 'tcp:80' some have tls=…", mistakes(http(*passed))[0][0])

    def test_proxy_protocol(self) -> None:
        """The header comes before a stream can be chosen."""
        told = stream(80, names=["a.test"], proxy_protocol=["10.0.0.1"]).proxy_to(DB)
        (error, _) = mistakes(http(told, stream(80, names=["b.test"]).proxy_to(DB)))[0]
        self.assertIn("the streams at 'tcp:80' differ in proxy_protocol=…", error)

    def test_upstreams(self) -> None:
        """One name is one upstream, for streams and servers together."""
        web = server(80).location("/").proxy_to(upstream("db", "c:1"))
        (error, _) = mistakes(http(web, stream(81).proxy_to(DB)))[0]
        self.assertIn("two different upstreams are called 'db'", error)

    def test_resource(self) -> None:
        """A stream cannot stand in a Site of twisted.web."""
        with self.assertRaises(ConfigError) as caught:
            as_resource(http(stream(80).proxy_to(DB)))
        self.assertIn("no stream can stand in a Site", caught.exception.message)

    def test_files(self) -> None:
        """A file that cannot be read is told once, however many use the upstream."""
        secure = upstream("secure", "a:1", tls=upstream_tls(ca="/none.pem"))
        web = server(80).location("/").proxy_to(secure)
        for config in (
            http(stream(81).proxy_to(secure), stream(82).proxy_to(secure)),
            http(web, stream(81).proxy_to(secure)),
        ):
            with self.assertRaises(ConfigErrors) as caught:
                verify(config)
            self.assertEqual(len(caught.exception.errors), 1)
            self.assertIn("/none.pem", str(caught.exception))


class LoadingTests(SynchronousTestCase):
    """``proxy.py`` with streams."""

    def load(self, code: str) -> Http | str:
        """The configuration, or what is wrong with the file."""
        name = self.mktemp() + ".py"
        with open(name, "w") as file:
            file.write("from pydsl_proxy import http, stream\n" + code)
        try:
            return load(name)
        except ConfigErrors as errors:
            return "\n".join(f"{error.message} | {error.hint}" for error in errors.errors)

    def test_alone(self) -> None:
        """A stream stands for the whole; an open one does not."""
        self.assertEqual(self.load('proxy = stream(80).proxy_to("a:1")'), http(stream(80).proxy_to("a:1")))
        self.assertEqual(
            self.load("proxy = stream(80)"), 'stream(80) has no upstream | end it with .proxy_to("127.0.0.1:5432")'
        )
        self.assertIn("write proxy = db", str(self.load('db = stream(80).proxy_to("a:1")')))

    def test_lost(self) -> None:
        """A stream whose result is not kept is told of."""
        rest = 'proxy = stream(80).proxy_to("a:1")'
        self.assertIn("stream(81) is lost: what its chain gives back", self.load(f'stream(81).proxy_to("b:1")\n{rest}'))
        self.assertIn("stream(81) is lost: it has no upstream", self.load(f"stream(81).retry(2)\n{rest}"))

    def test_run(self) -> None:
        """The kit takes a stream as it takes a server."""
        client, peers = run(stream(80).proxy_to("a:1"))
        client.sends(b"x")
        peers["a:1"].expects(b"x")
