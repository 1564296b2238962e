"""What a hint says to paste has the user's own words, and is accepted in place of what is in angle brackets."""

from __future__ import annotations

from tests.config.loading.test_load import FileTests

_OPENED = 'server(80).location("/").'
_SERVED = '.location("/").respond(200)'


class ListTests(FileTests):
    """Texts where a list belongs."""

    def test_words(self) -> None:
        """The words of a text are the items of the list."""
        for marked, pasted in (
            (f'server(80, ‹names="a.com b.com"›){_SERVED}', 'names=["a.com", "b.com"]'),
            (f'server(80, ‹names="a.com,b.com"›){_SERVED}', 'names=["a.com", "b.com"]'),
            ('stream(80, ‹names="a.com, b.com"›, tls=tls("a", "b")).proxy_to("a:1")', 'names=["a.com", "b.com"]'),
            (f'{_OPENED}retry(3, ‹on="503"›).proxy_to("a:1")', "on=[503]"),
            (f'{_OPENED}retry(3, ‹on="http_503 error"›).proxy_to("a:1")', 'on=[503, "error"]'),
            (f'{_OPENED}retry(3, ‹on=503›).proxy_to("a:1")', "on=[503]"),
            (f'server(80, ‹proxy_protocol="10.0.0.0/8 unix:"›){_SERVED}', 'proxy_protocol=["10.0.0.0/8", "unix:"]'),
            (
                f'http(server(80){_SERVED}, ‹trusted_proxies="10.0.0.0/8, ::1"›)',
                'trusted_proxies=["10.0.0.0/8", "::1"]',
            ),
            (f'{_OPENED}compress(‹types="text/html text/css"›).respond(200)', 'types=["text/html", "text/css"]'),
            (f'{_OPENED}auth_request("a:1", ‹copy="X-A, X-B"›).respond(200)', 'copy=["X-A", "X-B"]'),
            (
                f'{_OPENED}websocket_to("a:1", ‹origins="https://a.com https://b.com"›)',
                'origins=["https://a.com", "https://b.com"]',
            ),
            (f'{_OPENED}serve_files("/srv", ‹index="a.html b.html"›)', 'index=["a.html", "b.html"]'),
            (f'{_OPENED}serve_files("/srv", ‹index="my file.html"›)', 'index=["my file.html"]'),
        ):
            with self.subTest(marked=marked):
                self.pastes(marked, pasted)

    def test_no_items(self) -> None:
        """What would be refused in the list is not put into it."""
        for marked, pasted in (
            (f'server(80, ‹proxy_protocol="yes"›){_SERVED}', 'proxy_protocol=["10.0.0.0/8"]'),
            ('stream(80, ‹proxy_protocol="on"›).proxy_to("a:1")', 'proxy_protocol=["10.0.0.0/8"]'),
            (f'server(80, ‹names="a b/c"›){_SERVED}', 'names=["example.com"]'),
            (f'{_OPENED}retry(3, ‹on="any"›).proxy_to("a:1")', 'on=["error", "timeout"]'),
            (f'{_OPENED}retry(3, ‹on=999›).proxy_to("a:1")', 'on=["error", "timeout"]'),
        ):
            with self.subTest(marked=marked):
                self.pastes(marked, pasted)

    def test_arguments(self) -> None:
        """The items of a list are arguments of their own, and a variable stays one."""
        one, two = '"10.0.0.0/8"', '"192.168.0.0/16"'
        for marked, pasted in (
            (f"{_OPENED}‹deny([{one}, {two}])›.respond(200)", f"deny({one}, {two})"),
            (f"{_OPENED}‹deny({one}, ({two},))›.respond(200)", f"deny({one}, {two})"),
            (f"{_OPENED}‹allow(nets)›.deny('all').respond(200)", "allow(*nets)"),
            (f"stream(80).‹deny([{one}])›.proxy_to('a:1')", f"deny({one})"),
            (f"{_OPENED}proxy_to(‹upstream('app', ['a:1', 'b:1'])›)", "upstream('app', 'a:1', 'b:1')"),
            (
                f"{_OPENED}proxy_to(‹upstream('app', least_conn(), ('a:1', 'b:1'), keepalive=3)›)",
                "upstream('app', least_conn(), 'a:1', 'b:1', keepalive=3)",
            ),
            (f"{_OPENED}proxy_to(‹upstream('app', ['a:1', peer('b:1')])›)", "upstream('app', 'a:1', peer('b:1'))"),
            (f"{_OPENED}proxy_to(‹upstream('app', peers)›)", "upstream('app', *peers)"),
            (f"‹http([server(80){_SERVED}])›", f"http(server(80){_SERVED})"),
            ("server(80)‹.including([location('/').respond(200)])›", ".including(location('/').respond(200))"),
            (f"{_OPENED}‹error_page([404, 500], to='/e')›.respond(404)", "error_page(404, 500, to='/e')"),
            (f"{_OPENED}‹error_page((404, 500), 502, body='x')›.respond(404)", "error_page(404, 500, 502, body='x')"),
            (f"{_OPENED}‹error_page(codes, to='/e')›.respond(404)", "error_page(*codes, to='/e')"),
        ):
            with self.subTest(marked=marked):
                self.pastes(marked, pasted, before=f'nets, peers, codes = [{one}], ["a:1"], [404]')

    def test_refused_lists(self) -> None:
        """A mistake in the list is told first, and an empty list leads to an example."""
        for code, said in (
            ("deny(['x'])", "'x' is not an address"),
            ("error_page([404, 200], to='/e')", "200 is not the status"),
        ):
            (error,) = self.errors(f"proxy = {_OPENED}{code}.respond(200)")
            self.assertIn(said, error.message)
        self.pastes(f"{_OPENED}‹deny([])›.respond(200)", 'deny("10.0.0.0/8")')
        (error,) = self.errors(f"proxy = {_OPENED}error_page([404, 500], '/e').respond(200)")
        self.assertEqual(error.hint, "write 404, 500")

    def test_compression(self) -> None:
        """Media types are no encodings."""
        for given, pasted in (
            ('["text/html", "text/css"]', ".compress(types=['text/html', 'text/css'])"),
            ('"text/html"', ".compress(types=['text/html'])"),
            ('"gzip br"', ".compress('gzip', 'br')"),
        ):
            (error,) = self.errors(f"proxy = {_OPENED}compress({given}).respond(200)")
            self.assertEqual(error.hint, f"write {pasted}")
            self.load(f"proxy = server(80).location('/'){pasted}.respond(200)")


class AddressTests(FileTests):
    """Several addresses in one text, and ports that are none."""

    def test_several(self) -> None:
        """Each address is a peer."""
        for marked, pasted in (
            (f'{_OPENED}proxy_to(‹"a:1,b:1"›)', 'upstream("app", "a:1", "b:1")'),
            (f'{_OPENED}proxy_to(‹"http://a:1, http://b:1"›)', 'upstream("app", "a:1", "b:1")'),
            (f'{_OPENED}proxy_to(‹"https://a https://b"›)', 'upstream("app", "https://a", "https://b")'),
            (f'{_OPENED}proxy_to(upstream("app", ‹"a:1 [::1]:1"›))', '"a:1", "[::1]:1"'),
            (f'{_OPENED}proxy_to(upstream("app", ‹peer("a:1,b:1")›))', 'peer("a:1"), peer("b:1")'),
            (f'{_OPENED}mirror(‹"a:1,b:1"›).respond(200)', 'upstream("app", "a:1", "b:1")'),
            ('stream(80).proxy_to(‹"a:1,b:1"›)', 'upstream("app", "a:1", "b:1")'),
            (f'{_OPENED}proxy_to(‹"a:65536"›)', '"a:80"'),
        ):
            with self.subTest(marked=marked):
                self.pastes(marked, pasted)

    def test_ports(self) -> None:
        """A port that is none has an example, and is not put into what is to be pasted."""
        for port in ("65536", "-1", '"65536"', '"tcp:65536"', '"127.0.0.1:65536"', '"a.com:65536"'):
            (error,) = self.errors(f"proxy = server({port}){_SERVED}")
            self.assertIn("server(8080)", error.hint or "", port)
            self.assertNotIn("65536", error.hint or "")
        # Python reads no number of more than 4300 digits.
        (error,) = self.errors(f'proxy = server("{"9" * 5000}"){_SERVED}')
        self.assertIn("server(8080)", error.hint or "")


class CallTests(FileTests):
    """Arguments that a function or a verb does not take."""

    def test_pasted(self) -> None:
        """What they mean is written in the place for it."""
        for marked, pasted in (
            (f'{_OPENED}‹timeouts("60s")›.respond(200)', "timeouts(read=60)"),
            (f"{_OPENED}‹timeouts(60)›.respond(200)", "timeouts(read=60)"),
            ('stream(80).‹timeouts("5m")›.proxy_to("a:1")', "timeouts(idle=5 * minutes)"),
            ('stream(80).‹timeouts(60)›.proxy_to("a:1")', "timeouts(idle=60)"),
            ('server(80).‹location("/a", methods=["GET"])›.respond(200)', 'location("/a").when(method.equals("GET"))'),
            (
                'server(80).‹location("/a", methods=["get", "POST"])›.respond(200)',
                'location("/a").when(method.is_in(["GET", "POST"]))',
            ),
            (
                'server(80).including(‹location("/a", method="GET")›.respond(200))',
                'location("/a").when(method.equals("GET"))',
            ),
            ('server(80).‹location("/a", exact=True)›.respond(200)', 'location(exact("/a"))'),
            ('server(80).‹location("~", "^/a")›.respond(200)', 'location(regex("^/a"))'),
            ('server(80).‹location("=", "/a")›.respond(200)', 'location(exact("/a"))'),
            (f'{_OPENED}‹set_response_header({{"X-A": "b"}})›.respond(200)', 'set_response_header("X-A", "b")'),
            (
                f'{_OPENED}‹set_request_header({{"X-A": "b", "X-B": "$host"}})›.respond(200)',
                'set_request_header("X-A", "b").set_request_header("X-B", host)',
            ),
        ):
            with self.subTest(marked=marked):
                self.pastes(marked, pasted)

    def test_near_options(self) -> None:
        """An option that shares some letters is named only if it takes the value."""
        for code, hint in (
            (f"http(server(80){_SERVED}, lients=80)", "write clients=…"),
            (f"http(server(80){_SERVED}, silent=80)", None),
            (f"http(server(80){_SERVED}, shut_grace=3)", "write shutdown_grace=…"),
            (f'{_OPENED}proxy_to(upstream("app", "a:1", keep=3))', "write keepalive=…"),
        ):
            (error,) = self.errors(f"proxy = {code}")
            self.assertEqual(error.hint, hint, code)

    def test_notes(self) -> None:
        """What has its place elsewhere is told by a note."""
        for code, said in (
            ('server(80).location("/a", "/b").respond(200)', 'location("/a").… and location("/b").…'),
            (f"http(server(80){_SERVED}, listen=80)", "its first argument"),
        ):
            (error,) = self.errors(f"proxy = {code}")
            self.assertIn(said, error.hint or "")
