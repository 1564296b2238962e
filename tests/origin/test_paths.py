"""Tests of relative paths in a configuration."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.origin.paths import from_file, paths_below, shown_path, socket_from_file


class PathTests(SynchronousTestCase):
    """From a relative path to the file that it names."""

    def test_from_file(self) -> None:
        """A relative path is below the folder, an absolute one is what it is; links are not resolved."""
        with paths_below("/etc/proxy"):
            for path, made in (
                ("cert.pem", "/etc/proxy/cert.pem"),
                ("./cert.pem", "/etc/proxy/cert.pem"),
                (".//./cert.pem", "/etc/proxy/cert.pem"),
                ("tls/cert.pem", "/etc/proxy/tls/cert.pem"),
                ("../cert.pem", "/etc/proxy/../cert.pem"),
                ("/srv/cert.pem", "/srv/cert.pem"),
                (".hidden", "/etc/proxy/.hidden"),
            ):
                self.assertEqual(from_file(path), made)
        self.assertEqual(from_file("cert.pem"), "cert.pem")

    def test_sockets(self) -> None:
        """Of an endpoint string the path alone; colons in it are escaped, as Twisted reads them."""
        with paths_below("/etc/a:b"):
            for endpoint, made in (
                ("unix:web.sock", r"unix:/etc/a\:b/web.sock"),
                ("unix:web.sock:mode=660", r"unix:/etc/a\:b/web.sock:mode=660"),
                (r"unix:address=we\:b.sock", r"unix:address=/etc/a\:b/we\:b.sock"),
                ("unix:/run/web.sock:mode=660", "unix:/run/web.sock:mode=660"),
                ("tcp:80", "tcp:80"),
                ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
            ):
                self.assertEqual(socket_from_file(endpoint), made)
        self.assertEqual(socket_from_file("unix:web.sock"), "unix:web.sock")

    def test_shown(self) -> None:
        """A message names the place of a relative path."""
        self.assertEqual(shown_path("/a"), "'/a'")
        self.assertEqual(shown_path("a"), f"'a' (looked for at {os.path.join(os.getcwd(), 'a')!r})")
