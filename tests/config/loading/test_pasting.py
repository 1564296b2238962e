"""Tests of templates of what to paste, which are filled with the user's own arguments."""

from __future__ import annotations

import ast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.loading.pasting import Written, calls_at, plain, strategy_of, written_call
from pydsl_proxy.origin import Origin


def fill(code: str, template: str, groups: dict[str, str] | None = None) -> str:
    """*template*, filled with the call that *code* is."""
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    return Written(call, code).fill(template, groups)


class GapTests(SynchronousTestCase):
    """Gaps, and what stands in their places."""

    def test_arguments(self) -> None:
        """Arguments stand as they were written, with the user's own quotes."""
        code = "f('a', \"b\", *c, k=1, **d)"
        for template, filled in (
            ("g({0})", "g('a')"),
            ("g({1}, {0})", "g(\"b\", 'a')"),
            ("g({*})", "g('a', \"b\", *c, k=1, **d)"),
            ("g({=})", "g('a', \"b\", *c, k=1, **d)"),
            ("g({=1})", 'g("b", *c, k=1, **d)'),
            ("{call}({*})", "f('a', \"b\", *c, k=1, **d)"),
        ):
            self.assertEqual(fill(code, template), filled, template)
        self.assertEqual(fill("server(80).location(1)", "{call}({0})"), "location(1)")

    def test_nothing(self) -> None:
        """An argument that is not there, or is several, leaves the default, or nothing and no comma."""
        for template, filled in (
            ("g({1})", "g()"),
            ("g({0}, {1})", "g('a')"),
            ("g({1}, {0})", "g('a')"),
            ("g({0}, {1}, {0})", "g('a', 'a')"),
            ("g({1=host})", "g(host)"),
            ("g({2|text=host})", "g(host)"),
            ("g({k=host})", "g(host)"),
        ):
            self.assertEqual(fill("f('a')", template), filled, template)
        self.assertEqual(fill("f(*a)", "g({0=x})"), "g(x)")
        self.assertEqual(fill("f()", "g({*})"), "g()")

    def test_groups(self) -> None:
        """A keyword that stands for another is put in its place, and is not among the others."""
        code = 'server(443, cert="a.pem", other=1)'
        groups = {"certificate": "cert"}
        self.assertEqual(
            fill(code, "server({=}, tls=tls({certificate}))", groups), 'server(443, other=1, tls=tls("a.pem"))'
        )
        self.assertEqual(fill(code, "g({certificate=x})", {"certificate": "missing"}), "g(x)")

    def test_host_and_port(self) -> None:
        """A host and a port make one address, which is computed if one of them is."""
        for code, filled in (
            ('peer("a", port=80)', 'peer("a:80")'),
            ("peer(a, port=80)", 'peer(f"{a}:80")'),
            ('peer("a", port=p)', 'peer(f"a:{p}")'),
            ('peer(a["b"], port=80)', "peer(f\"{a['b']}:80\")"),
            ("peer(port=80)", "peer()"),
        ):
            self.assertEqual(fill(code, "peer({0|hostport})"), filled, code)


class ReadingTests(SynchronousTestCase):
    """What an argument is read as; the default stands for what cannot be read so, and a variable for itself."""

    def reads(self, how: str, rows: dict[str, str]) -> None:
        """Arguments are read as what they are given with."""
        for argument, filled in rows.items():
            self.assertEqual(fill(f"f({argument})", f"{{0|{how}=DEFAULT}}"), filled, f"{argument} as {how}")

    def test_code(self) -> None:
        """Anything is code."""
        self.reads("code", {"'a'": "'a'", "5": "5", "a.b": "a.b", "*a": "DEFAULT"})

    def test_text(self) -> None:
        """A number is no text."""
        self.reads("text", {"'a'": "'a'", "5": "DEFAULT", "True": "DEFAULT", "a": "a", 'f"{a}"': 'f"{a}"'})

    def test_int(self) -> None:
        """A text, a truth value and 0 are no number."""
        self.reads("int", {"5": "5", "1": "1", "0": "DEFAULT", "True": "DEFAULT", "'5'": "DEFAULT", "a": "a"})

    def test_value(self) -> None:
        """A variable of another proxy is a value; other texts are what they are."""
        self.reads("value", {"'$host'": "host", "'ok'": "'ok'", "5": "DEFAULT", "a": "a"})

    def test_path(self) -> None:
        """A path of the file system begins with a slash, and is written out."""
        self.reads("path", {"'/a'": "'/a'", "'a'": "DEFAULT", "'a/'": "DEFAULT", "a": "DEFAULT", "5": "DEFAULT"})

    def test_prefix(self) -> None:
        """Of a wildcard at the end the prefix is left; anything else that is no plain path is not taken."""
        self.reads(
            "prefix",
            {
                "'/a'": '"/a"',
                "'/a/*'": '"/a/"',
                "'/a*/b'": "DEFAULT",
                "'/a b'": "DEFAULT",
                "'a'": "DEFAULT",
                "'/a//b'": "DEFAULT",
                "'//'": "DEFAULT",
                "a": "a",
                "5": "DEFAULT",
            },
        )

    def test_address(self) -> None:
        """Of a URL its host and port, or 80; one with TLS keeps its scheme."""
        self.reads(
            "address",
            {
                "'a:1'": "'a:1'",
                "'a'": '"a:80"',
                "'http://a:1'": '"a:1"',
                "'http://a/b'": "DEFAULT",
                "'http://a/'": '"a:80"',
                "'h2c://a:1'": "DEFAULT",
                "'a:1 backup'": "DEFAULT",
                "'http://unix:/a'": '"unix:/a"',
                "'//a:1'": '"a:1"',
                "'https://a'": "'https://a'",
                "'wss://a:1'": '"https://a:1"',
                "'ws://a:1'": '"a:1"',
                "'unix:/a'": "'unix:/a'",
                "'a b'": "DEFAULT",
                "''": "DEFAULT",
                "a": "a",
                "5": "DEFAULT",
            },
        )

    def test_target(self) -> None:
        """The path of a URL is an argument of its own; what is no URL has none."""
        self.reads(
            "target",
            {
                "'http://a:1/b'": '"a:1", path="/b"',
                "'http://a:1'": '"a:1"',
                "'a:1'": "'a:1'",
                "'a:1/b'": '"a:1", path="/b"',
                "'http://a:1/b?c'": "DEFAULT",
                "'h2c://a:1'": 'upstream("app", "a:1", via=http2())',
                "'fastcgi://a:1'": 'upstream("app", "a:1", via=fastcgi(root="/srv/www"))',
                "'http://a b/c'": "DEFAULT",
                "a": "a",
            },
        )

    def test_seconds(self) -> None:
        """Times of other proxies are seconds; a number stays."""
        self.reads("seconds", {"'30s'": "30", "5": "5", "0": "DEFAULT", "'soon'": "DEFAULT", "a": "a"})

    def test_size(self) -> None:
        """Sizes of other proxies are bytes, spelled with units."""
        self.reads("size", {"'8m'": "8 * MiB", "5": "5", "'big'": "DEFAULT", "a": "a"})

    def test_rate(self) -> None:
        """A rate is a text here."""
        self.reads("rate", {"'10r/s'": '"10/s"', "'fast'": "DEFAULT", "a": "a"})

    def test_port(self) -> None:
        """A port may be a text of digits, and is a number here."""
        self.reads("port", {"'80'": "80", "80": "80", "'http'": "DEFAULT", "0": "DEFAULT", "a": "a"})

    def test_list(self) -> None:
        """One text is a list of it."""
        self.reads("list", {"'a'": "['a']", "['a']": "['a']", "5": "DEFAULT", "a": "a"})

    def test_items(self) -> None:
        """A list is its items; a variable is unpacked."""
        self.reads("items", {"['a', b]": "'a', b", "('a',)": "'a'", "'a'": "'a'", "a": "*a", "f(a)": "*f(a)"})

    def test_strategy(self) -> None:
        """The word for a strategy is its object, in any language."""
        self.reads(
            "strategy",
            {
                "'least_conn'": "least_conn()",
                "'leastconn'": "least_conn()",
                "'best'": "DEFAULT",
                "a": "a",
                "5": "DEFAULT",
            },
        )

    def test_connector(self) -> None:
        """So is that for a protocol."""
        self.reads(
            "connector", {"'FastCGI'": "fastcgi()", "'uwsgi'": "uwsgi()", "'ftp'": "DEFAULT", "a": "a", "5": "DEFAULT"}
        )

    def test_plain(self) -> None:
        """A number or a truth value, written out."""
        self.reads("plain", {"True": "True", "5": "5", "'a'": "DEFAULT", "a": "DEFAULT"})


class WordTests(SynchronousTestCase):
    """Words of other languages."""

    def test_plain(self) -> None:
        """Case, underscores and hyphens make no difference."""
        self.assertEqual(plain("Proxy_Set-Header"), "proxysetheader")

    def test_strategies(self) -> None:
        """Whole words alone are known."""
        self.assertEqual(strategy_of("Least_Conn"), "least_conn()")
        self.assertIsNone(strategy_of("least"))
        self.assertIsNone(strategy_of(""))


class FoundTests(SynchronousTestCase):
    """The call that a place in a file is the end of."""

    def setUp(self) -> None:
        """A file."""
        self.file = self.mktemp()
        with open(self.file, "w", encoding="utf-8") as file:
            file.write('server(80).location("/").respond(200)\n')

    def origin(self, column: int) -> Origin:
        """A place in it."""
        return Origin(self.file, 1, 1, 0, column)

    def test_ends(self) -> None:
        """The end is that of the call, or of the verb that is called."""
        for column, name in ((10, "server"), (6, "server"), (24, "location"), (19, "location"), (37, "respond")):
            found = written_call(self.origin(column), name)
            assert found is not None, column
            self.assertEqual(found.name, name)
        self.assertEqual([each.name for each in calls_at(self.origin(37))], ["respond"])

    def test_none(self) -> None:
        """Nothing is found of another name, at another place, or in what is no Python."""
        self.assertIsNone(written_call(self.origin(37), "location"))
        self.assertIsNone(written_call(self.origin(11), "server"))
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("server(80\n")
        self.assertEqual(list(calls_at(Origin(self.file, 1, 1, 0, 9))), [])
