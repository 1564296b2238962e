"""Peers of other people's making, started as processes; all of them answer the same.

- ``GET /hello``: ``hello`` and a newline; the field ``X-Peer-Connection`` tells the connection from others;
- ``POST /echo``: the request's body;
- ``PUT /kept/NAME``, then ``GET`` and ``HEAD``: what was put there;
- ``GET /chunked``: ``one two three``, chunked;
- ``GET /tagged``: 304 if the client has the version ``"v1"``;
- ``GET /slow``: 3000 bytes, the last of them nearly half a second after the first;
- ``GET /error``: 503, ``out of order`` and a newline.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.support import PROGRAMS, ROOT, Program, folder, free_port, require
from tests.support.authorities import Authority


def nginx() -> Program:
    """nginx, as a single process."""
    return _nginx("")


def nginx_h2() -> Program:
    """nginx, of which HTTP/2 is expected from the first byte on."""
    return _nginx("http2")


def _nginx(speaks: str) -> Program:
    return nginx_with(PROGRAMS / "peer.nginx.conf", folder(), slow="s" * 3000, speaks=speaks, inner=free_port())


def nginx_with(template: Path, files: Path, **words: str | int) -> Program:
    """nginx configured by *template*: ``@port@``, ``@folder@``, which is *files*, and other *words* are filled in."""
    command, port = require("nginx", "apt-get install nginx"), free_port()
    text = template.read_text()
    for word, value in {"port": port, "folder": files, **words}.items():
        text = text.replace(f"@{word}@", str(value))
    config = files / "nginx.conf"
    config.write_text(text)
    options = [command, "-p", str(files), "-e", "stderr", "-c", str(config)]
    tested = subprocess.run([*options, "-t"], capture_output=True, text=True, timeout=30, check=False)
    if "unknown directive" in tested.stderr:
        raise SkipTest(f"nginx was built without a module: {tested.stderr.splitlines()[0]}: apt-get install nginx")
    return Program(options, port)


def stream_module() -> str:
    """The line that loads nginx's streams, where they are a module."""
    for place in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"):
        if (module := Path(place) / "ngx_stream_module.so").exists():
            return f"load_module {module};"
    return ""


def node() -> Program:
    """Node's ``http`` server."""
    return _node("http")


def node_h2() -> Program:
    """Node's ``http2`` server, without TLS."""
    return _node("http2")


def _node(module: str) -> Program:
    port = free_port()
    return Program([require("node", "apt-get install nodejs"), PROGRAMS / "peer.js", str(port), module], port)


def gunicorn() -> Program:
    """Gunicorn, with threads, as its plain worker keeps no connections."""
    if importlib.util.find_spec("gunicorn") is None:
        raise SkipTest("gunicorn is not installed: pip install gunicorn")
    port = free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "4", "--keep-alive", "30"]
    application = "tests.integration.programs.wsgi_peer:application"
    command = [sys.executable, "-m", "gunicorn", *options, "--log-level", "error", application]
    return Program(command, port, env={"PYTHONPATH": str(ROOT)})


def go() -> Program:
    """Go's ``net/http``."""
    port = free_port()
    return Program([_go_peer(), str(port)], port)


def go_tls() -> Program:
    """Go's ``net/http`` over TLS, where it speaks HTTP/2 by itself."""
    port, files = free_port(), folder()
    cert, key = Authority().issue("localhost", "127.0.0.1").save(files, "go")
    return Program([_go_peer(), str(port), cert, key], port)


@cache
def _go_peer() -> Path:
    """The program, compiled."""
    command, binary = require("go", "apt-get install golang-go"), folder() / "peer"
    source = PROGRAMS / "peer.go"
    # Without a home there is nowhere for Go's cache.
    env = {"GOCACHE": str(folder())} if "HOME" not in os.environ else {}
    env = {**env, **os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"}
    subprocess.run([command, "build", "-o", binary, source], env=env, check=True, timeout=180)
    return binary
