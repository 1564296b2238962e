"""Every hint of the table of other proxies' words is tried: what it says to paste is accepted."""

from __future__ import annotations

import keyword
import re

from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.errors.other_words import MISSING_NAMES, NAMES, OF_STREAMS, OPENING, OPTIONS, VERBS
from tests.config.loading.test_load import FileTests

_HANDLED = '.proxy_to("127.0.0.1:9000")'


class HintTests(FileTests):
    """A file with a mistake, and the same file with what the hint says in its place."""

    def hint(self, before: str, wrong: str, after: str) -> str:
        """The hint for *wrong*; no message names a class that the user did not write."""
        line, message, hint = self.told(f"proxy = {before}{wrong}{after}")
        self.assertEqual(line, 2)
        self.assertNotRegex(message, r"OpenLocation|Scope|object has no attribute|positional|Trying|unexpected keyword")
        self.assertIsNotNone(hint, f"{before}{wrong}{after}: {message}")
        return hint or ""

    def tries(self, before: str, wrong: str, after: str) -> None:
        """The hint for *wrong* may be pasted in its place."""
        hint = self.hint(before, wrong, after)
        pasted = hint.partition("write ")[2].partition("; ")[0]
        self.assertNotEqual(pasted, "", hint)
        verb = re.match(r"\w+", pasted)
        # What is pasted may be a handler itself.
        end = "" if verb is not None and verb[0] in HANDLERS else after
        try:
            self.load(f"proxy = {before}{pasted}{end}")
        except ConfigErrors as errors:
            self.fail(f"{before}{wrong}{after} has the hint {hint!r}, which is refused:\n{errors}")

    def test_verbs(self) -> None:
        """Verbs of a location, a server and the whole, with the arguments of the example and without any."""
        for row in VERBS:
            for name in row.words.split():
                verb = f"{name}_" if keyword.iskeyword(name) else name
                for arguments in (row.example, ""):
                    with self.subTest(verb=verb, arguments=arguments):
                        before = 'server(8080).location("/").'
                        if row.write is None:
                            self.assertIn(row.note, self.hint(before, f"{verb}({arguments})", _HANDLED))
                        else:
                            self.tries(before, f"{verb}({arguments})", _HANDLED)

    def test_verbs_of_servers(self) -> None:
        """What opens a location elsewhere."""
        for row in OPENING:
            for name in row.words.split():
                if name not in ("handle", "when"):
                    with self.subTest(verb=name):
                        self.tries("server(8080).", f"{name}({row.example})", _HANDLED)

    def test_options(self) -> None:
        """Options of functions and verbs."""
        for row in OPTIONS:
            for call in row.calls.split():
                with self.subTest(call=call, example=row.example):
                    before, name, after = CALLS[call]
                    if '.location("/")' in (row.write or ""):
                        after = ""
                    if row.write is None:
                        self.assertIn(row.note, self.hint(before, f"{name}({row.example})", after))
                    else:
                        self.tries(before, f"{name}({row.example})", after)

    def test_verbs_of_streams(self) -> None:
        """Verbs of a stream."""
        for row in OF_STREAMS:
            for name in row.words.split():
                with self.subTest(verb=name):
                    if row.write is None:
                        self.assertIn(row.note, self.hint("stream(8080).", f"{name}({row.example})", _HANDLED))
                    else:
                        self.tries("stream(8080).", f"{name}({row.example})", _HANDLED)

    def test_names(self) -> None:
        """Names, which are public ones in another language."""
        for code, words in NAMES.items():
            for word in words.split():
                with self.subTest(name=word):
                    _, message, hint = self.told(f"proxy = {word}")
                    self.assertIn(f"name '{word}' is not defined", message)
                    self.assertEqual(hint, f"write {code}")
        for word, note in MISSING_NAMES.items():
            self.assertEqual(self.told(f"proxy = {word}")[2], note)


class TextTests(FileTests):
    """Texts that stand where something else belongs: what the hint says is pasted in place of what is between the
    angle brackets."""

    def test_variables(self) -> None:
        """Variables of nginx, placeholders of Caddy, and f-strings without their f, wherever a value stands."""
        opened = 'server(80).location("/").'
        for marked, pasted in (
            ('set_request_header("Host", ‹"$host"›).respond(200)', "host"),
            ("set_request_header('Host', ‹'$http_host'›).respond(200)", 'header("host")'),
            (
                'set_request_header("X-A", ‹"a $remote_addr, ${scheme}"›).respond(200)',
                'f"a {client_address}, {scheme}"',
            ),
            ('set_request_header("X-A", ‹"{http.request.header.X-B}"›).respond(200)', 'header("x-b")'),
            ('set_response_header("X-A", ‹"$cookie_sid"›).respond(200)', 'cookie("sid")'),
            ('redirect_to(‹"https://{host}{request_uri}"›)', 'f"https://{host}{request_uri}"'),
            ('redirect_to(‹"https://example.com$request_uri"›)', 'f"https://example.com{request_uri}"'),
            ('redirect_to(‹"https://example.com{uri}"›)', 'f"https://example.com{request_uri}"'),
            ("redirect_to(‹\"https://{header('x-a')}/\"›)", "f\"https://{header('x-a')}/\""),
            ('limit_requests("1/s", key=‹"$binary_remote_addr"›).respond(200)', "client_address"),
            ('limit_connections(1, key=‹"{remote_host}"›).respond(200)', "client_address"),
            ('serve_files("/srv", try_files=[‹"$uri"›, "/index.html"])', "path"),
            ('serve_files("/srv", try_files=[‹"$uri.html"›, "/index.html"])', 'f"{path}.html"'),
            ('error_page(404, to=‹"https://example.com$uri"›).respond(404)', 'f"https://example.com{path}"'),
            ('proxy_to(upstream("app", hash_by(‹"$request_uri"›), "127.0.0.1:9000"))', "request_uri"),
        ):
            with self.subTest(marked=marked):
                self.pastes(opened + marked, pasted)

    def test_no_variables(self) -> None:
        """Other texts with such characters are what they are; a function gives any text at all."""
        for text in ("costs $5", "{a}", "$", "{}", "${unknown}", '{\\"report_to\\": 1}', "$hostess"):
            self.load(f'proxy = server(80).location("/").set_response_header("X-A", "{text}").respond(200, b"$host")')
        self.load('proxy = server(80).location("/").redirect_to(lambda request: "https://a/{host}")')

    def test_objects(self) -> None:
        """Strategies, upstreams and named locations are objects; their names in quotes are not."""
        app = 'app = upstream("backend", "127.0.0.1:9000")'
        opened = 'server(80).location("/").'
        for marked, pasted in (
            (
                "proxy_to(‹upstream('app', 'least_conn', '127.0.0.1:9000')›)",
                "upstream('app', least_conn(), '127.0.0.1:9000')",
            ),
            (
                'proxy_to(‹upstream("app", "127.0.0.1:9000", "ip_hash")›)',
                'upstream("app", ip_hash(), "127.0.0.1:9000")',
            ),
            ('proxy_to(‹"backend"›)', "app"),
            ('proxy_to(‹"app"›)', "app"),
            ('websocket_to(‹"backend"›)', "app"),
            ('mirror(‹"backend"›).respond(200)', "app"),
            ('auth_request(‹"backend"›).respond(200)', "app"),
        ):
            with self.subTest(marked=marked):
                self.pastes(opened + marked, pasted, before=app)
        fallback = 'server(80).location("/").error_page(404, to=named("app")).respond(404)'
        self.pastes(f'{fallback}.location(‹"@app"›).respond(200)', 'named("app")')

    def test_paths(self) -> None:
        """Parameters, wildcards and patterns of other routers are literal text in a prefix."""
        for path, pasted in (
            ("/users/:id", 'regex("^/users/[^/]+$")'),
            ("/users/:id/posts/:post", 'regex("^/users/[^/]+/posts/[^/]+$")'),
            ("/a/*/b", 'regex("^/a/[^/]+/b$")'),
            ("/static/**", '"/static/"'),
            ("/users/{id}", 'regex("^/users/[^/]+$")'),
        ):
            with self.subTest(path=path):
                self.pastes(f'server(80).location(‹"{path}"›).respond(200)', pasted)
        for path, pasted in (
            ("*.php", r'regex(r"\.php$")'),
            ("/*.php", r'regex(r"\.php$")'),
            ("/users/:id.json", r'regex(r"^/users/[^/]+\.json$")'),
            ("/users/{id:[0-9]+}", 'regex("^/users/[0-9]+$")'),
            ("/users/{id:[0-9]{3}}/x", 'regex("^/users/[0-9]{3}/x$")'),
            ("^/api/", 'regex("^/api/")'),
            (".*", 'regex(".*")'),
            ("path_beg /x", '"/x"'),
            ("path /x", 'exact("/x")'),
            ("PathPrefix(`/api`)", '"/api"'),
            ("Path(`/api`)", 'exact("/api")'),
            ("~ ^/a/(?<x>.*)$", 'regex("^/a/(?P<x>.*)$")'),
        ):
            with self.subTest(path=path):
                self.pastes(f'server(80).location(‹"{path}"›).respond(200)', pasted)
        for path in ("Host(`a`) && Path(`/b`)", "api users", "/users/{id:[0-9}"):
            with self.subTest(path=path):
                (error,) = self.errors(f'proxy = server(80).location("{path}").respond(200)')
                self.assertNotIn('write "/Host', error.hint or "")
                self.assertIsNotNone(error.hint)
        for path in (r"\\.php$", "/users/(.*)", "/a|b/[0-9]+", "/(a|b)/c", "/^a"):
            with self.subTest(path=path):
                (error,) = self.errors(f'proxy = server(80).location("/{path.lstrip("/")}").respond(200)')
                self.assertIn("write regex(", error.hint or "")
        for path in ("/wiki/Special:Search", "/v1/users:batchGet", "/wiki/Foo_(bar)", "/$metadata", "/a+b"):
            self.load(f'proxy = server(80).location("{path}").respond(200)')

    def test_logs(self) -> None:
        """Words that stand where the path of an access log is expected; a file may still be called so."""
        web = 'server(80).location("/").respond(200)'
        for word, pasted in (
            ("off", "access_log=None"),
            ("None", "access_log=None"),
            ("json", 'access_log=access_log(format="json")'),
            ("combined", "access_log=access_log()"),
            ("stdout", 'access_log="-"'),
        ):
            with self.subTest(word=word):
                self.pastes(f'http({web}, ‹access_log="{word}"›)', pasted)
                self.pastes(f'http({web}, ‹access_log=access_log("{word}")›)', pasted)
                self.load(f'proxy = http({web}, access_log="./{word}")')
        (error,) = self.errors(f'proxy = http({web}, access_log="syslog:server=10.0.0.1")')
        self.assertIn("a log is a file here", error.message)

    def test_missing_comma(self) -> None:
        """Python joins two texts that stand side by side."""
        for marked, pasted in (
            (
                "server(80).location('/').proxy_to(upstream('app', ‹'127.0.0.1:9000' '127.0.0.1:9001'›))",
                "'127.0.0.1:9000', '127.0.0.1:9001'",
            ),
            ('server(80).allow(‹"10.0.0.0/8" "192.168.0.0/16"›).deny("all").location("/").respond(200)', None),
            ('server(80, names=[‹"a.example:80" "b.example:80"›]).location("/").respond(200)', None),
        ):
            if pasted is None:
                start, _, rest = marked.partition("‹")
                (error,) = self.errors(f"proxy = {start}{rest.replace('›', '')}")
                self.assertIn("a comma was missing", error.hint or "")
            else:
                self.pastes(marked, pasted)

    def test_arguments_without_name(self) -> None:
        """What has a name is given by it."""
        opened = 'server(80).location("/").'
        for marked, pasted in (
            ("‹timeouts(60)›.respond(200)", "timeouts(read=60)"),
            ('‹limit_requests("10/s", 5)›.respond(200)', 'limit_requests("10/s", burst=5)'),
            ('‹proxy_to("127.0.0.1:9000", "/v1/")›', 'proxy_to("127.0.0.1:9000", path="/v1/")'),
            ('proxy_to(upstream("a", ‹peer("127.0.0.1:9000", 3)›))', 'peer("127.0.0.1:9000", weight=3)'),
            ('‹respond(200, "{}", "application/json")›', 'respond(200, "{}", content_type="application/json")'),
        ):
            with self.subTest(marked=marked):
                self.pastes(opened + marked, pasted)

    def test_meaning(self) -> None:
        """What is pasted has all that was written."""
        opened = 'server(80).location("/").'
        for marked, pasted in (
            ('proxy_to(upstream("a", ‹peer("127.0.0.1", 9000)›))', 'peer("127.0.0.1:9000")'),
            (
                '‹proxy_to("127.0.0.1:9000", "127.0.0.1:9001")›',
                'proxy_to(upstream("app", "127.0.0.1:9000", "127.0.0.1:9001"))',
            ),
            ('‹return_(301, "https://a.example/b")›', 'redirect_to("https://a.example/b", status=301)'),
            ('‹return_(200, "a")›', 'respond(200, "a")'),
            ('‹json({"a": 1})›', 'respond(200, \'{"a": 1}\', content_type="application/json")'),
            ('‹send("hello")›', 'respond(200, "hello")'),
            ('‹expires("30d")›.respond(200)', 'set_response_header("Cache-Control", "max-age=2592000")'),
            ('‹serve_files("/srv", expires="1y")›', 'serve_files("/srv", cache_control="max-age=31536000")'),
            ('‹Header("set", "X-A", "y")›.respond(200)', 'set_response_header("X-A", "y")'),
            ('‹index("a.html")›', 'serve_files("/srv/www", index=["a.html"])'),
            ("‹in_flight_req(3)›.respond(200)", "limit_connections(3)"),
            ('‹rewrite("^/a", "/b", "last")›.respond(200)', 'rewrite("^/a", "/b", last=True)'),
            ('‹upstream("app", "a:1")›', 'proxy_to(upstream("app", "a:1"))'),
            ('‹proxy_pass("h2c://a:1")›', 'proxy_to(upstream("app", "a:1", via=http2()))'),
            ('‹proxy_pass("http://unix:/run/a.sock:/b")›', 'proxy_to("unix:/run/a.sock", path="/b")'),
            ('proxy_to(‹"h2c://a:1"›)', 'upstream("app", "a:1", via=http2())'),
            ('proxy_to(‹"a:1 weight=2"›)', 'upstream("app", peer("a:1", weight=2))'),
            ('proxy_to(upstream("b", ‹"a:1;"›))', '"a:1"'),
            ('‹respond(301, "https://a.example/b")›', '.redirect_to("https://a.example/b", 301)'),
            ('‹return_("404")›', "respond(404)"),
            ('‹add_header("X-A", "b", "always")›.respond(200)', 'set_response_header("X-A", "b")'),
            (
                '‹reverse_proxy("a:1", "http://b")›',
                'proxy_to(upstream("app", "a:1", "b:80"))',
            ),
            ('proxy_to(‹"unix//run/a.sock"›)', '"unix:/run/a.sock"'),
            ('proxy_to(‹"http://unix:/run/a.sock"›)', '"unix:/run/a.sock"'),
            (
                'proxy_to(upstream("a", ‹"127.0.0.1:1 weight=3 fail_timeout=30s"›))',
                'peer("127.0.0.1:1", weight=3, fail_timeout=30)',
            ),
            ('proxy_to(upstream("a", "b:1", ‹"a:1 backup"›))', 'peer("a:1", backup=True)'),
            (
                'proxy_to(‹upstream("a", "hash $request_uri consistent", "a:1")›)',
                'upstream("a", hash_by(request_uri), "a:1")',
            ),
            ('proxy_to(‹upstream("a", "a:1", "random two least_conn")›)', 'upstream("a", random_two(), "a:1")'),
        ):
            with self.subTest(marked=marked):
                self.pastes(opened + marked, pasted)

    def test_values(self) -> None:
        """Values of HAProxy and Apache, and of all others in a body of one line."""
        opened = 'server(80).location("/").'
        for marked, pasted in (
            ('set_request_header("X-A", ‹"%[src]"›).respond(200)', "client_address"),
            ('set_request_header("X-A", ‹"%[req.hdr(X-B)]"›).respond(200)', 'header("x-b")'),
            ('set_request_header("X-A", ‹"%[req.cook(Sid)]"›).respond(200)', 'cookie("Sid")'),
            ('set_request_header("X-A", ‹"a %{Host}i"›).respond(200)', "f\"a {header('host')}\""),
            ('set_request_header("X-A", ‹"%{REMOTE_ADDR}s"›).respond(200)', "client_address"),
            ('respond(200, ‹"a $remote_addr"›)', 'f"a {client_address}"'),
            ('respond(200, ‹"a {host}\\n"›)', 'f"a {host}\\n"'),
            ('error_page(404, body=‹"<p>$host</p>"›).respond(404)', 'f"<p>{host}</p>"'),
            ('rewrite("^/(a)", ‹"/b/{1}"›).respond(200)', r'r"/b/\1"'),
            ('rewrite("^/(a)", ‹"/b/${1}"›).respond(200)', r'r"/b/\1"'),
            ('limit_requests("1/s", ‹key="ip"›).respond(200)', "key=client_address"),
            ('limit_connections(1, ‹key="client_address"›).respond(200)', "key=client_address"),
            ('set_response_header("X-A", "%[var(txn.a)]").respond(200)', None),
            ('set_response_header("X-A", "$request_id").respond(200)', None),
        ):
            with self.subTest(marked=marked):
                if pasted is None:
                    (error,) = self.errors(f"proxy = {opened}{marked}")
                    self.assertIn("leave it out", error.hint or "")
                else:
                    self.pastes(opened + marked, pasted)

    def test_bodies(self) -> None:
        """Programs, JSON and octets have such marks of their own; what is printed of octets may be loaded again."""
        for body in (
            'b"a $host"',
            '"{\\"host\\": 1}"',
            '"a\\n$host"',
            '"<script>`${host}`</script>"',
            '"100%[a] %{x}"',
        ):
            with self.subTest(body=body):
                made = self.load(f'proxy = server(80).error_page(404, body={body}).location("/").respond(200, {body})')
                self.assertEqual(self.load(f"proxy = {made!r}"), made)

    def test_arguments(self) -> None:
        """What lacks, or stands in one text with something else."""
        opened = 'server(80).location("/").'
        served = '.location("/").respond(200)'
        for marked, pasted in (
            (f'server(80, tls=‹tls("a.pem")›){served}', 'tls("a.pem", "key.pem")'),
            (f'{opened}‹set_response_header("X-A: b")›.respond(200)', 'set_response_header("X-A", "b")'),
            (f'{opened}‹set_request_header("X-A: $host")›.respond(200)', 'set_request_header("X-A", host)'),
            (f'{opened}when(path.‹startswith("/a.b")›).respond(200)', r'matches(r"^/a\.b")'),
            (f'{opened}when(path.‹endswith(".b")›).respond(200)', r'matches(r"\.b$")'),
            (f'{opened}when(method.‹eq("GET")›).respond(200)', 'equals("GET")'),
            (f'{opened}‹hsts("max-age=300; includeSubDomains")›.respond(200)', "hsts(300, include_subdomains=True)"),
            (f'{opened}redirect_to_https(‹port="443"›)', "port=443"),
            (f'server(80, names=[‹"a.example b.example"›]){served}', '"a.example", "b.example"'),
            (
                f'http(server(80){served}, ‹access_log="/var/log/a.log combined"›)',
                'access_log=access_log("/var/log/a.log")',
            ),
            (f'http(server(80){served}, ‹access_log="stderr"›)', 'access_log="/dev/stderr"'),
            (f'‹server(address="127.0.0.1", port=80)›{served}', 'server("tcp:80:interface=127.0.0.1")'),
            (f'‹server(address="::1", port=80)›{served}', r'server("tcp:80:interface=\\:\\:1")'),
            (f'‹server(address="0.0.0.0", port=80)›{served}', "server(80)"),
        ):
            with self.subTest(marked=marked):
                self.pastes(marked, pasted)
        for name in ("Upgrade", "Connection"):
            (error,) = self.errors(f'proxy = {opened}set_request_header("{name}", "x").proxy_to("a:1")')
            self.assertIn('websocket="tunnel"', error.hint or "")

    def test_nothing_dropped(self) -> None:
        """Where the nearest verb has no place for what was written, there is nothing to paste, and it is named."""
        opened = 'proxy = server(80).location("/").'
        for code, lost in (
            ('proxy_pass("ftp://a:1").x()', '"ftp://a:1"'),
            ('gzip("off").respond(200)', '"off"'),
            ("timeouts(server=60, client=3).respond(200)", "client"),
            ('auth_request("/auth").respond(200)', 'path="/auth"'),
            ('error_page("404", body="x").respond(404)', "404"),
            ('expires("@15h30m").respond(200)', "@15h30m"),
            ('proxy_pass("http://a:1/b?c=d")', "c=d"),
        ):
            with self.subTest(code=code):
                (error,) = self.errors(f"{opened}{code}")
                text = f"{error.message} {error.hint}"
                self.assertIn(lost, text)
                self.assertNotRegex(text, "write respond|write compress|write timeouts|write proxy_to|to='404'")


class CalledTests(FileTests):
    """Options and attributes that are called as if they were verbs."""

    def test_options(self) -> None:
        """The option is put into the function."""
        served = '.location("/").respond(200)'
        for wrong, pasted, end in (
            ('server(80).names("a.example")', 'server(80, names=["a.example"])', served),
            ('server(80).names("a.example", "b.example")', 'server(80, names=["a.example", "b.example"])', served),
            ('server(443).tls("a.pem", "a.key")', 'server(443, tls=tls("a.pem", "a.key"))', served),
            ('server(80, names=["a"]).paths("as-sent")', 'server(80, names=["a"], paths="as-sent")', served),
            ('stream(443).tls("a.pem", "a.key")', 'stream(443, tls=tls("a.pem", "a.key"))', '.proxy_to("a:1")'),
            ('stream(443).names("a.example")', 'stream(443, names=["a.example"])', '.proxy_to("a:1")'),
            (f'http(server(80){served}).access_log("off")', f"http(server(80){served}, access_log=None)", ""),
            (
                f'http(server(80){served}).trusted_proxies("10.0.0.0/8")',
                f'http(server(80){served}, trusted_proxies=["10.0.0.0/8"])',
                "",
            ),
            ('server(80).locations("/")', 'server(80).location("/")', ".respond(200)"),
        ):
            with self.subTest(wrong=wrong):
                (error,) = self.errors(f"proxy = {wrong}{end}")
                self.assertEqual(error.hint, f"write {pasted}", error.message)
                self.load(f"proxy = {pasted}{end}")

    def test_notes(self) -> None:
        """Attributes that are no options, and options of what a variable stands for."""
        for source, said in (
            ("proxy = server(80).listen(443)", "server(80, 443)"),
            ('proxy = server(80).location("/").match("/a")', "argument that opens a location"),
            ('proxy = server(80).location("/").compress().origin("x")', "Access-Control-Allow-Origin"),
            ('proxy = server(80).location("/").condition("x")', ".when("),
            ('proxy = server(80).location("/").respond(200).names("a")', "server(…, names="),
            ('web = server(80)\nproxy = web.names("a").location("/").respond(200)', "server(…, names="),
            ('app = upstream("a", "b:1")\napp.keepalive(3)', "upstream(…, keepalive=3)"),
            ('upstream("a", "b:1").peers("c:1")', "arguments of the function"),
            ('upstream("a", peer("b:1").weight(3))', 'peer("b:1", weight=3)'),
            ('def made():\n    web = server(80)\n    return web.tls("a", "b")\nproxy = made()', "tls=tls("),
        ):
            with self.subTest(source=source):
                (error,) = self.errors(source)
                self.assertIn(said, error.hint or "", error.message)
                self.assertNotIn("object is not callable", error.message)

    def test_others(self) -> None:
        """What is not of the configuration is told in Python's words."""
        (error,) = self.errors('text = "a"\ntext("b")')
        self.assertIn("'str' object is not callable", error.message)


HANDLERS = {each for each in vars(OpenLocation) if not hasattr(Scope, each)} | {"redirect_to_https"}
_SERVED = '.location("/").respond(200)'
#: How a call stands in a configuration: what is before it, its name, and what is after it.
CALLS = {
    "server": ("", "server", _SERVED),
    "stream": ("", "stream", _HANDLED),
    "upstream": ('server(8080).location("/").proxy_to(', "upstream", ")"),
    "peer": ('server(8080).location("/").proxy_to(upstream("app", ', "peer", ', "127.0.0.1:9001"))'),
    "location": ("server(8080).including(", "location", ".respond(200))"),
    "proxyto": ('server(8080).location("/").', "proxy_to", ""),
    "timeouts": ('server(8080).location("/").', "timeouts", ".respond(200)"),
    "streamtimeouts": ("stream(8080).", "timeouts", _HANDLED),
    "limitrequests": ('server(8080).location("/").', "limit_requests", ".respond(200)"),
    "retry": ('server(8080).location("/").', "retry", ".respond(200)"),
    "servefiles": ('server(8080).location("/").', "serve_files", ""),
    "redirectto": ('server(8080).location("/").', "redirect_to", ""),
    "respond": ('server(8080).location("/").', "respond", ""),
    "basicauth": ('server(8080).location("/").', "basic_auth", ".respond(200)"),
    "tls": ("server(8443, tls=", "tls", f"){_SERVED}"),
    "upstreamtls": ('server(8080).location("/").proxy_to(upstream("app", "127.0.0.1:9443", tls=', "upstream_tls", "))"),
    "http": ("", "http", ""),
    "clients": (f"http(server(8080){_SERVED}, clients=", "clients", ")"),
}
