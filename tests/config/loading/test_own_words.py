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
