"""Tests of applications as users give them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.config.applications import check_asgi, check_wsgi, imported
from pydsl_proxy.config.loading.load import load
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.service import verify
from pydsl_proxy.testing import run
from tests.support.wsgi_apps import TEXT, answering

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A WSGI application."""
    start_response("200 OK", TEXT)
    return [b"plain"]


def never(environ: object, start_response: object) -> Iterable[bytes]:
    """A WSGI application that is not called."""
    raise NotImplementedError


async def modern(scope: object, receive: object, send: object) -> None:
    """An ASGI application."""


class Instance:
    """One of each kind, by its method."""

    def wsgi(self, environ: object, start_response: object) -> object:
        """As WSGI calls it."""

    async def asgi(self, scope: object, receive: object, send: object) -> None:
        """As ASGI calls it."""


class Modern:
    """An ASGI application that is an object, as frameworks have it."""

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """As ASGI calls it."""


class Equal:
    """An application that equals all others, and cannot be hashed."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # that is the point

    def __call__(self, environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", TEXT)
        return [b"equal"]


def message(check: Callable[[object], object], given: object) -> str:
    """What is wrong with it, and what to write; empty if nothing is."""
    try:
        check(given)
    except ConfigError as error:
        return f"{error.message} | {error.hint}"
    return ""


class CheckTests(SynchronousTestCase):
    """What is an application, and of which kind."""

    def test_wsgi(self) -> None:
        """Functions, objects, classes, and what does not tell how it is called."""
        given: object
        for given in (plain, Instance().wsgi, Equal(), partial(plain), lambda *_: [], dict, answering(lambda _: [])):
            self.assertEqual(message(check_wsgi, given), "", given)

    def test_asgi(self) -> None:
        """Coroutine functions, objects, and plain functions that give something to await."""
        for given in (modern, Instance().asgi, Modern(), partial(modern), lambda scope, receive, send: modern(1, 2, 3)):
            self.assertEqual(message(check_asgi, given), "", given)

    def test_wrong_kind(self) -> None:
        """One given to the other's verb is told which is its own."""
        given: object
        for given in (modern, Modern(), Instance().asgi):
            self.assertIn("is an ASGI application | write .asgi(…)", message(check_wsgi, given))
        for given in (plain, Instance().wsgi, Equal()):
            self.assertIn("is a WSGI application | write .wsgi(…)", message(check_asgi, given))

    def test_neither(self) -> None:
        """What cannot be called as an application is told so."""

        async def two(environ: object, start_response: object) -> Iterable[bytes]:
            return []

        async def none() -> None:
            pass

        def old(scope: object) -> Callable[[object, object], Awaitable[None]]:
            raise NotImplementedError

        for check, given, told in (
            (check_wsgi, 5, "cannot be called"),
            (check_wsgi, two, "is a coroutine function | a WSGI application is a plain function"),
            (check_wsgi, Instance, "with environ and start_response | write an instance of it, Instance(…)"),
            (check_wsgi, lambda: None, "with environ and start_response"),
            (check_wsgi, two(1, 2), "is what calling the application gave | write it without ()"),
            (check_asgi, None, "cannot be called"),
            (check_asgi, old, "is an application of ASGI 2"),
            (check_asgi, Modern, "write an instance of it, Modern(…)"),
            (check_asgi, none, "with scope, receive and send"),
            (check_asgi, none(), "is what calling the application gave"),
        ):
            self.assertIn(told, message(cast("Callable[[object], object]", check), given))


class ImportTests(SynchronousTestCase):
    """Names as Gunicorn and uvicorn read them."""

    def test_found(self) -> None:
        """A module and an attribute, dotted if need be; what is no name is itself."""
        self.assertIs(imported("wsgi", "tests.config.test_applications:plain"), plain)
        self.assertIs(imported("wsgi", "tests.config.test_applications:Instance.wsgi"), Instance.wsgi)
        self.assertIs(imported("wsgi", plain), plain)

    def test_mistakes(self) -> None:
        """Each says what is wrong and what to write."""
        for given, told in (
            ("app", 'is not the name of an application | write "package.module:app"'),
            ("a.b:", "is not the name of an application"),
            (":app", "is not the name of an application"),
            ("nowhere_at_all:app", "there is no module 'nowhere_at_all' | its folder must be"),
            ("tests.nowhere:app", "there is no module 'tests.nowhere'"),
            ("tests.config.test_applications:ap", "has no 'ap'"),
            ("site:create(1)", "a name calls nothing | write from site import create, and .wsgi(create(1))"),
        ):
            self.assertIn(told, message(partial(imported, "wsgi"), given))


class LoadedTests(SynchronousTestCase):
    """Applications beside the file that names them."""

    def write(self, name: str, text: str) -> Path:
        """A file in a folder of its own; what it was imported as is forgotten afterwards."""
        folder = Path(self.mktemp())
        folder.mkdir()
        before, path = set(sys.modules), list(sys.path)

        def forget() -> None:
            sys.path[:] = path
            for module in set(sys.modules) - before:
                del sys.modules[module]

        self.addCleanup(forget)
        (folder / name).write_text(dedent(text))
        return folder

    def load(self, folder: Path, verb: str) -> str:
        """The body that the application answers, or what the loader says."""
        file = folder / "proxy.py"
        file.write_text(f'from pydsl_proxy import server\n\nproxy = server(80).location("/").{verb}\n')
        try:
            config = load(file)
        except ConfigErrors as errors:
            return errors.render()
        return run(config)[0].request("GET").body.decode()

    def test_neighbour(self) -> None:
        """A module in the file's folder is found, then and later on."""
        folder = self.write(
            "corner_shop.py",
            """
            def app(environ, start_response):
                import corner_prices
                start_response("200 OK", [])
                return [corner_prices.TEXT]
            """,
        )
        (folder / "corner_prices.py").write_text('TEXT = b"cheap"\n')
        self.assertEqual(self.load(folder, 'wsgi("corner_shop:app")'), "cheap")

    def test_points_at_the_line(self) -> None:
        """A mistake shows the line of the user's file."""
        folder = self.write("broken_shop.py", "import nothing_of_the_kind\n")
        for verb, told in (
            ('wsgi("broken_shop:app")', "the import failed: No module named 'nothing_of_the_kind'"),
            ('wsgi("no_shop:app")', "there is no module 'no_shop'"),
            ("wsgi(7)", "7 is not an application"),
            ('wsgi("wsgiref.simple_server:demo_app", threads=0)', "wsgi(threads=…) must be 1 or more, not 0"),
        ):
            rendered = self.load(folder, verb)
            self.assertIn("proxy.py:3: ", rendered)
            self.assertIn(told, rendered)
            self.assertIn("^" * len(verb), rendered)

    def test_raises(self) -> None:
        """What the module raises when it is imported is told, too."""
        folder = self.write("raising_shop.py", "1 / 0\n")
        self.assertIn("the import failed: ZeroDivisionError: ", self.load(folder, 'wsgi("raising_shop:app")'))


class VerifyTests(SynchronousTestCase):
    """``twist pydsl-proxy --check``."""

    def test_starts_nothing(self) -> None:
        """Applications are imported, and neither called nor started."""
        self.assertEqual(verify(server(80).location("/").wsgi(never)), [])
        self.assertEqual(verify(server(80).location("/").asgi(modern)), [])


class ValueTests(SynchronousTestCase):
    """The handler as a value."""

    def test_repr(self) -> None:
        """It is the call that made it."""
        place = server(80).location("/")
        self.assertTrue(repr(place.wsgi(plain)).endswith(f".wsgi({plain!r})"))
        made = place.wsgi("tests.config.test_applications:plain", threads=3, queue=0)
        self.assertIn(".wsgi('tests.config.test_applications:plain', threads=3, queue=0)", repr(made))
        self.assertEqual(eval(repr(made), {"server": server}), made)

    def test_identity(self) -> None:
        """An application is itself and nothing else, whatever it says; it need not be hashable."""
        first, second = (server(80).location("/").wsgi(cast("WSGIApplication", Equal())) for _ in range(2))
        self.assertNotEqual(first, second)
        running = run(first)
        running.reload(second)
        self.assertEqual(running[0].request("GET").body, b"equal")
