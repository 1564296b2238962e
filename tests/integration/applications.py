"""Applications of other people's making that are not spoken to in HTTP: PHP-FPM, and uWSGI."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from tests.integration.support import PROGRAMS, Program, folder, free_port, require

SCRIPTS = PROGRAMS / "php"


class Php(Program):
    """PHP-FPM on the UNIX socket :attr:`path` and on the TCP port :attr:`tcp`."""

    def __init__(self, files: Path | None = None) -> None:
        files = files or folder()
        self.path = str(files / "php.sock")
        self.tcp = free_port()
        text = (PROGRAMS / "php.fpm.conf").read_text()
        config = files / "php.fpm.conf"
        config.write_text(text.replace("@folder@", str(files)).replace("@port@", str(self.tcp)))
        # Containers run everything as root, which PHP-FPM does not expect.
        as_root = ["-R"] if os.geteuid() == 0 else []
        super().__init__([php_fpm(), "-F", *as_root, "-y", config], self.path)


@cache
def php_fpm() -> str:
    """The program, whose name has its version in Debian; skips the test where there is none."""
    found = [path for folder in ("/usr/sbin", "/usr/local/sbin") for path in sorted(Path(folder).glob("php-fpm*"))]
    return str(found[-1]) if found else require("php-fpm", "apt-get install php-fpm")


def uwsgi(protocol: str, tls: tuple[str, str] | None = None) -> Program:
    """uWSGI with an application of WSGI, speaking ``uwsgi``, ``scgi``, ``fastcgi``, or ``suwsgi`` with its *tls*."""
    port = free_port()
    command = require("uwsgi", "apt-get install uwsgi-core uwsgi-plugin-python3")
    pair = "" if tls is None else f",{tls[0]},{tls[1]}"
    socket = "socket" if protocol == "uwsgi" else f"{protocol}-socket"
    plugin = ["--plugin", "python3"] if Path("/usr/lib/uwsgi/plugins/python3_plugin.so").exists() else []
    options = [f"--{socket}", f"127.0.0.1:{port}{pair}", "--master", "--die-on-term", "--disable-logging"]
    application = ["--wsgi-file", str(PROGRAMS / "cgi_app.py")]
    return Program([command, *plugin, *options, *application], port)
