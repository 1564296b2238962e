"""Tests of loading a file: what is taken, and how all that is wrong is told."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server
from pydsl_proxy.config.loading.load import load
from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigError, ConfigErrors

_IMPORT = "from pydsl_proxy import *\n"


class FileTests(SynchronousTestCase):
    """A file in a folder of its own."""

    def setUp(self) -> None:
        """An empty folder."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def load(self, source: str) -> Http:
        """What loading *source*, after the import of the public names, gives."""
        file = self.folder / "proxy.py"
        file.write_text(_IMPORT + source, encoding="utf-8")
        return load(file)

    def errors(self, source: str) -> list[ConfigError]:
        """The mistakes in *source*; its first line is line 2 of the file."""
        with self.assertRaises(ConfigErrors) as caught:
            self.load(source)
        return list(caught.exception.errors)

    def told(self, source: str) -> tuple[int, str, str | None]:
        """The line, the message and the hint of the one mistake in *source*."""
        (error,) = self.errors(source)
        self.assertEqual(error.origin.file, str(self.folder / "proxy.py"))
        return error.origin.line, error.message, error.hint

    def pastes(self, marked: str, pasted: str, *, before: str = "") -> None:
        """The hint for the marked file says *pasted*, which is accepted in place of what is marked."""
        start, wrong, end = re.split("[‹›]", marked)
        (error,) = self.errors(f"{before}\nproxy = {start}{wrong}{end}")
        self.assertEqual((error.hint or "").partition("write ")[2].partition("; ")[0], pasted, error.message)
        start = start.removesuffix(".") if pasted.startswith(".") else start
        self.load(f"{before}\nproxy = {start}{pasted}{end}")


class TakenTests(FileTests):
    """What a file gives."""

    def test_whole(self) -> None:
        """``proxy`` is taken as it is."""
        made = self.load('proxy = http(server(80).location("/").respond(200), shutdown_grace=1)\n')
        self.assertEqual(made, http(server(80).location("/").respond(200), shutdown_grace=1))

    def test_server(self) -> None:
        """A server stands for the whole."""
        made = self.load('proxy = server(80).location("/").respond(200)\n')
        self.assertEqual(made, http(server(80).location("/").respond(200)))

    def test_neighbours(self) -> None:
        """The file may import what lies beside it; sys.path is as before after it."""
        (self.folder / "neighbour_of_proxy.py").write_text("port = 8181\n", encoding="utf-8")
        before = list(sys.path)
        made = self.load('from neighbour_of_proxy import port\nproxy = server(port).location("/").respond(200)\n')
        self.assertEqual(made.servers[0].listen, ("tcp:8181",))
        self.assertEqual(sys.path, before)

    def test_edited(self) -> None:
        """The file is read anew each time, whatever its times say."""
        self.assertEqual(self.load('proxy = server(81).location("/").respond(200)').servers[0].listen, ("tcp:81",))
        self.assertEqual(self.load('proxy = server(82).location("/").respond(200)').servers[0].listen, ("tcp:82",))

    def test_warnings_do_not_stop(self) -> None:
        """A warning is for the log."""
        self.load('proxy = server(80).location("/a").proxy_to("a:1", path="/")')

    def test_dataclasses(self) -> None:
        """The file's module is known by its name, as dataclasses want it."""
        self.load(
            "import dataclasses\n@dataclasses.dataclass\nclass A:\n    b: 'int'\n"
            'proxy = server(80).location("/").respond(200)\n'
        )


class NameTests(FileTests):
    """What is called ``proxy``."""

    def test_missing(self) -> None:
        """The hint names what was probably meant."""
        nothing = "the file gives nothing the name 'proxy'"
        made = 'server(80).location("/").respond(200)'
        for source, hint in (
            (f"app = {made}", "write proxy = app"),
            (f"app = http({made})\nweb = {made}", "write proxy = app"),
            (f"a = {made}\nb = {made}", "write proxy = http(a, b)"),
            ("", 'write proxy = server(8080).location("/").proxy_to("127.0.0.1:9000")'),
        ):
            self.assertEqual(self.told(source), (0, nothing, hint))

    def test_something_else(self) -> None:
        """What cannot be taken is told by what it is."""
        for source, what, hint in (
            ("proxy = [server(80)]", "a list", "write proxy = http(*servers)"),
            ("proxy = 5", "a int", "write proxy = http(…)"),
            ('proxy = location("/").respond(200)', "a location", "write proxy = http(…)"),
        ):
            self.assertEqual(self.told(source), (0, f"proxy is {what}, not a server and not http(…)", hint))

    def test_open_location(self) -> None:
        """A location without a handler is told at its own line."""
        line, message, hint = self.told('proxy = (\n    server(80)\n    .location("/a")\n)')
        self.assertEqual((line, message), (4, "location('/a') has no handler"))
        self.assertEqual(hint, "end it with .proxy_to(…), .respond(…) or .redirect_to(…)")

    def test_unreadable(self) -> None:
        """A file that is not there."""
        with self.assertRaises(ConfigErrors) as caught:
            load("no/such/proxy.py")
        self.assertEqual(str(caught.exception), "no/such/proxy.py: cannot be read: No such file or directory")


class CollectedTests(FileTests):
    """All mistakes at once."""

    def test_in_the_order_of_the_file(self) -> None:
        """What the whole shows, and what was lost, is told together."""
        found = self.errors('one = server(80)\none.location("/a").respond(200)\nproxy = http(one, server(80))')
        self.assertEqual(
            [(error.origin.line, error.message.partition(";")[0]) for error in found],
            [
                (2, "the server has no location"),
                (3, "location('/a') is lost: what its chain gives back is not kept"),
                (4, "two servers without names at 'tcp:80'"),
                (4, "the server has no location"),
            ],
        )

    def test_lost_beside_a_wrong_name(self) -> None:
        """What was lost is told even if there is no ``proxy``."""
        self.assertEqual(len(self.errors('web = server(80)\nweb.location("/a").respond(200)')), 2)


class ForgottenTests(FileTests):
    """Locations that were built and lost."""

    def lost(self, source: str) -> list[tuple[int, str | None]]:
        """Lines and hints of the lost locations."""
        after = '\nproxy = server(81).location("/").respond(200)'
        try:
            self.load(source + after)
        except ConfigErrors as errors:
            return [(error.origin.line, error.hint) for error in errors.errors]
        return []

    def test_result_not_kept(self) -> None:
        """The hint keeps it under the name that the statement begins with."""
        source = 'web = server(80)\nweb.location("/a").respond(200).location("/b").respond(200)'
        self.assertEqual(
            self.lost(source), [(3, "write web = web.location('/a')…"), (3, "write web = web.location('/b')…")]
        )
        source = 'web = server(80)\n(\n    web\n    .location("/a")\n    .respond(200)\n)'
        self.assertEqual(self.lost(source), [(5, "write web = web.location('/a')…")])

    def test_given_another_value(self) -> None:
        """A name that was given another value does not keep the first."""
        source = 'web = server(80).location("/a").respond(200)\nweb = server(80).location("/b").respond(200)'
        self.assertEqual(self.lost(source), [(2, "keep the result: web = web.location(…)…")])

    def test_without_handler(self) -> None:
        """An open one wants its handler."""
        hint = "end it with .proxy_to(…), .respond(…) or .redirect_to(…)"
        self.assertEqual(self.lost('server(80).location("/a")'), [(2, hint)])

    def test_kept(self) -> None:
        """What any name leads to is no mistake."""
        self.assertEqual(self.lost('spare = [{"a": location("/a").respond(200)}]'), [])
        self.assertEqual(self.lost('spare = http(server(80).location("/a").respond(200))'), [])
        self.assertEqual(self.lost('spare = server(80).location("/a").respond(200).location("/b")'), [])
        self.assertEqual(self.lost('spare = location("/a").respond(200).timeouts(read=1)'), [])


class BlameTests(FileTests):
    """Exceptions in the user's code."""

    def test_config_error(self) -> None:
        """The first call that is refused stops the file; it is told at its line."""
        line, message, _ = self.told('x = 1\nserver("x")\nserver("y")')
        self.assertEqual((line, message), (3, "server(): 'x' is not an endpoint string"))

    def test_syntax(self) -> None:
        """A syntax error has its place."""
        (error,) = self.errors("é = (1 +* 2)\n")
        self.assertEqual(error.message, "SyntaxError: invalid syntax")
        self.assertTrue(error.render().endswith("\n    é = (1 +* 2)\n            ^"), error.render())

    def test_exception(self) -> None:
        """The user's lines are told, and no others."""
        line, message, _ = self.told("import json\ndef f():\n    return json.loads('{')\nx = f()")
        self.assertEqual(line, 4)
        self.assertTrue(message.startswith("json.decoder.JSONDecodeError: Expecting"), message)
        self.assertTrue(message.endswith(f"\n  called from {(self.folder / 'proxy.py').relative_to(Path.cwd())}:5"))

    def test_no_line(self) -> None:
        """A file that cannot be read as source has no line that is wrong, and none is named."""
        line, message, _ = self.told("x = 1\0")
        self.assertEqual(line, 0)
        self.assertIn("null bytes", message)

    def test_exit(self) -> None:
        """A file that leaves does not take the process with it."""
        self.assertEqual(self.told("raise SystemExit(3)"), (2, "SystemExit: 3", None))

    def test_cause(self) -> None:
        """The exception itself is kept for the log."""
        with self.assertRaises(ConfigErrors) as caught:
            self.load("1 / 0")
        self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)

    def test_misspelled(self) -> None:
        """Names, options and verbs that are nearly right are told with the right one."""
        for source, hint in (
            ("sever(80)", "write server"),
            ("import pydsl_proxy\ndel server\nserver(80)", "write from pydsl_proxy import server"),
            ("from pydsl_proxy import sever", "write server"),
            ('peer("a:1", wieght=2)', "write weight=…"),
            ("server(80, name=[])", "write server(80, names=[])"),
            ("server(80).timeouts(reed=1)", "write read=…"),
            ('location("/").responde(200)', "write respond"),
            ('server(80).proxy_to("a:1")', 'a handler belongs to a location: write location("/").proxy_to("a:1")'),
            (
                'server(80).location("/").location("/a")',
                "give the location its handler first, with .proxy_to(…), .respond(…) or .redirect_to(…)",
            ),
            ("dict(a=1).b", None),
            ("nothing_like_it", None),
            ("from os import sever", None),
            ('int("1", basis=2)', None),
            ("raise NameError('by hand')", None),
        ):
            self.assertEqual([error.hint for error in self.errors(source)], [hint], source)
