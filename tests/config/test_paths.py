"""Relative paths in a configuration: they lead to below the folder of the file, wherever the proxy is started."""

from __future__ import annotations

import os

from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.service import verify
from tests.config.loading.test_load import FileTests


class PathTests(FileTests):
    """Every argument that is a path."""

    def code(self, source: str) -> str:
        """The configuration as code, with the folder of the file as ``HERE``."""
        return repr(self.load(f"proxy = {source}")).replace(str(self.folder), "HERE")

    def test_all(self) -> None:
        """Each of them is taken from the folder of the file; ``-`` is no path."""
        web = 'server(80).location("/")'
        for source, path in (
            ('server(443, tls=tls("a.pem", "b.key", client_ca="c.pem")).location("/").respond(200)', "HERE/a.pem"),
            ('server(443, tls=tls("a.pem", "b.key", client_ca="c.pem")).location("/").respond(200)', "HERE/b.key"),
            ('server(443, tls=tls("a.pem", "b.key", client_ca="c.pem")).location("/").respond(200)', "HERE/c.pem"),
            (f'{web}.proxy_to(upstream("a", "a:1", tls=upstream_tls(ca="ca.pem")))', "HERE/ca.pem"),
            (f'{web}.proxy_to(upstream("a", "a:1", tls=upstream_tls(cert="a.pem", key="k")))', "HERE/k"),
            (f'{web}.basic_auth("users").respond(200)', "HERE/users"),
            (f'{web}.serve_files("www")', "HERE/www"),
            (f'{web}.buffer_response(spool="tmp").respond(200)', "HERE/tmp"),
            (f'{web}.buffer_request(spool="tmp").respond(200)', "HERE/tmp"),
            (f'http({web}.respond(200), access_log="./log")', "HERE/log"),
            (f'http({web}.respond(200), access_log=access_log("log"))', "HERE/log"),
            ('server("unix:web.sock").location("/").respond(200)', "unix:HERE/web.sock"),
        ):
            with self.subTest(source=source):
                self.assertIn(f"'{path}'", self.code(source))
        for source in (f'http({web}.respond(200), access_log=access_log("-"))', f"http({web}.respond(200))"):
            self.assertNotIn("HERE", self.code(source))

    def test_from_anywhere(self) -> None:
        """A file is found from any working directory, and a message says where it was looked for."""
        (self.folder / "users").write_text("a:$apr1$x$ivzr0iPCmYCY5y1g.Y9vL.\n")
        source = 'proxy = server(80).location("/").basic_auth("users").respond(200)'
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir("/")
        verify(self.load(source))
        (self.folder / "users").unlink()
        with self.assertRaises(ConfigErrors) as caught:
            verify(self.load(source))
        self.assertIn(f"{str(self.folder / 'users')!r} cannot be read", str(caught.exception))

    def test_pages(self) -> None:
        """A module that the file imports writes its paths from the same folder."""
        (self.folder / "part_of_paths").mkdir()
        (self.folder / "part_of_paths" / "__init__.py").write_text("")
        (self.folder / "part_of_paths" / "web.py").write_text(
            'from pydsl_proxy import server\nweb = server(80).location("/").serve_files("www")\n'
        )
        made: Http = self.load("from part_of_paths.web import web\nproxy = web")
        self.assertIn(f"'{self.folder}/www'", repr(made))
