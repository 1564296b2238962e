"""Tests of what is said of a verb or an argument that is not there, whoever it is asked of."""

from __future__ import annotations

from tests.config.loading.test_load import FileTests

_OPENED = 'server(80).location("/")'
_HANDLED = 'location("/").respond(200)'
_CORS = 'set_response_header("Access-Control-Allow-Origin", "x")'
_APP = 'upstream("app", "a:1")'


class SayingTests(FileTests):
    """A file with one mistake."""

    def says(self, source: str, message: str, hint: str | None, *, before: str = "") -> None:
        """The one mistake of a file has this message and this hint."""
        self.assertEqual(self.told(f"{before}\nproxy = {source}")[1:], (message, hint), source)


class OwnerTests(SayingTests):
    """The message names what the user has written, and the hint fits there."""

    def test_values(self) -> None:
        """Of a value the nearest of its own verbs is meant."""
        self.says(
            'header("x-a").equal("b")', "header('x-a') has no verb equal: write equals(\"b\")", 'write equals("b")'
        )
        self.says('header("x-a").zzz()', "header('x-a') has no verb zzz", None)

    def test_upstreams(self) -> None:
        """An upstream has none."""
        hint = 'an upstream has no verbs: write upstream("app", least_conn(), "host:port", keepalive=32)'
        self.says(f"{_APP}.weight(3)", 'upstream("app") has no verb weight', hint)

    def test_streams(self) -> None:
        """Words of other proxies for HTTP are not meant at a stream, open or not."""
        pasted = "write proxy_to('a:1')"
        self.says("stream(80).proxy_pass('a:1')", f"stream(80) has no verb proxy_pass: {pasted}", pasted)
        self.says('stream(80, 81).cors("a")', "stream(80, 81) has no verb cors", None)
        self.says(
            "stream(80).limit_connection(5)",
            "stream(80) has no verb limit_connection: write limit_connections",
            "write limit_connections",
        )
        self.says('stream(80).proxy_to("a:1").limit_connection(5)', "stream(80) has no verb limit_connection", None)

    def test_handlers(self) -> None:
        """A handler belongs to a location, which has one."""
        written = 'proxy_to("a:1")'
        for source, shown in ((f"{_OPENED}.respond(200)", "server(80)"), (f"http({_OPENED}.respond(200))", "http(…)")):
            self.says(
                f'{source}.proxy_pass("http://a:1")',
                f"{shown} has no verb proxy_pass",
                f'a handler belongs to a location: write location("/").{written}',
            )
        self.says(
            f'server(80).including({_HANDLED}.proxy_pass("http://a:1"))',
            'location("/") has no verb proxy_pass',
            f"a location has one handler, and this one has its own; another one is location(…).{written}",
        )
        self.says(
            "server(80).respond(200, 'a')",
            "server(80) has no verb respond",
            "a handler belongs to a location: write location(\"/\").respond(200, 'a')",
        )

    def test_notes(self) -> None:
        """What is not a handler is written where it was; a note follows what is to be pasted."""
        for source, shown in (
            (f"server(80).including({_HANDLED}%s)", 'location("/")'),
            (f"{_OPENED}%s", 'location("/")'),
        ):
            self.says(
                source % '.cors("x")',
                f"{shown} has no verb cors",
                f"write {_CORS}; there is no verb for CORS: set its fields",
            )
            self.says(
                source % '.add_header("a", "b")',
                f'{shown} has no verb add_header: write set_response_header("a", "b")',
                'write set_response_header("a", "b")',
            )

    def test_servers(self) -> None:
        """A location that is open has no verbs of its server."""
        self.says(
            f'{_OPENED}.location("/a").respond(200)',
            'location("/") has no verb location',
            "give the location its handler first, with .proxy_to(…), .respond(…) or .redirect_to(…)",
        )
        self.says("server(80).allw('x')", "server(80) has no verb allw: write allow", "write allow")


class ArgumentTests(SayingTests):
    """Arguments that are not there, are too many or are missing."""

    def test_missing(self) -> None:
        """What a call lacks is named; whose fault it is else is Python's to say."""
        self.says("upstream()", "upstream() lacks 'name'", None)
        self.says(f"{_OPENED}.proxy_to()", "proxy_to() lacks 'upstream'", None)
        self.says("len()", "TypeError: len() takes exactly one argument (0 given)", None)
        self.says("(lambda a: a)()", "TypeError: <lambda>() missing 1 required positional argument: 'a'", None)

    def test_too_many(self) -> None:
        """The first argument too many is given by the name that it most likely has."""
        few = "has fewer arguments without a name"
        for source, written in (
            ("timeouts(1)", "timeouts(read=1)"),
            ('limit_requests("1/s", 5)', 'limit_requests("1/s", burst=5)'),
            ('limit_requests("1/s", 5, key="a")', 'limit_requests("1/s", burst=5, key="a")'),
            ('proxy_to("a:1", "/b")', 'proxy_to("a:1", path="/b")'),
        ):
            self.says(f"{_OPENED}.{source}", f"{source.partition('(')[0]}() {few}", f"write {written}")
        self.says("http(clients=clients(5))", f"clients() {few}", "write clients(head_timeout=5)")
        names = "after no argument all have names: connect=…, send=…, read=…, idle=…"
        self.says(f"{_OPENED}.timeouts(1, 2, 3)", f"timeouts() {few}", names)
        self.says(f'{_OPENED}.proxy_to(*["a:1", "/b"])', f"proxy_to() {few}", None)
        self.says(f"{_OPENED}.timeouts(*[1])", f"timeouts() {few}", None)
        self.says("range(1, 2, 3, 4)", "TypeError: range expected at most 3 arguments, got 4", None)

    def test_other_name(self) -> None:
        """What a function is called by another name is not found in the file; then only the note is said."""
        log = 'the access log is one for the whole: http(server(…), access_log="access.log")'
        self.says('make(80, cert="a.pem")', "server() has no option cert", None, before="make = server")
        self.says('make(80, log="a.log")', "server() has no option log", log, before="make = server")
        limited = "limit_requests() has no option nodelay"
        note = "the burst passes at once by default"
        self.says('make("1/s", burst=5, nodelay=True)', limited, note, before=_MAKE)
        self.says("make(80, 81)[0]", "TypeError: 'Server' object is not subscriptable", None, before="make = server")
        self.says('make("a", 5, 6)', "limit_requests() has fewer arguments without a name", None, before=_MAKE)

    def test_options(self) -> None:
        """Options that are computed stay as they are."""
        self.says('peer("a", port=p)', "peer() has no option port", 'write peer(f"a:{p}")', before="p = 80")
        self.says(
            'upstream("app", peers=P)', "upstream() has no option peers", 'write upstream("app", *P)', before="P = []"
        )
        unknown = "TypeError: own() got an unexpected keyword argument 'x'"
        self.says("own(x=5)", unknown, None, before="def own(y): return y")
        self.says("server(80, nmes=[])", "server() has no option nmes", "write names=…")
        self.says("server(80, zzz=[])", "server() has no option zzz", None)

    def test_names(self) -> None:
        """The nearest public name is meant by one that is not known, the public one by one that was not imported."""
        self.says("locaton", "NameError: name 'locaton' is not defined", "write location")
        self.says("zzz", "NameError: name 'zzz' is not defined", None)
        self.says(
            "host", "NameError: name 'host' is not defined", "write from pydsl_proxy import host", before="del host"
        )
        for source, message, hint in (
            ("from pydsl_proxy import locaton", "cannot import name 'locaton' from 'pydsl_proxy'", "write location"),
            ("from pydsl_proxy import zzz", "cannot import name 'zzz' from 'pydsl_proxy'", None),
            ("from os import locaton", "cannot import name 'locaton' from 'os'", None),
        ):
            told = self.told(source)
            self.assertEqual((told[1].partition(" (")[0], told[2]), (f"ImportError: {message}", hint))

    def test_others(self) -> None:
        """Mistakes in what is not of this package are told as Python tells them."""
        self.says("[].foo", "AttributeError: 'list' object has no attribute 'foo'", None)
        self.says('1 + "a"', "TypeError: unsupported operand type(s) for +: 'int' and 'str'", None)


_MAKE = 'make = server(80).location("/").limit_requests'
