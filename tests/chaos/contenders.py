"""The proxies, and the peers behind them: how each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from attrs import frozen

from tests.integration.support import ROOT, Program, folder, free_port, proxy_of, require
from tests.support.authorities import Authority

HERE = Path(__file__).parent


@frozen
class Contender:
    """A proxy that runs, and its three ports."""

    program: Program
    plain: int
    secure: int
    h2: int

    @property
    def ports(self) -> str:
        """Its ports, as the attacks take them."""
        return f"{self.plain},{self.secure},{self.h2}"


def peer(kind: str) -> Program:
    """A peer of a kind, started."""
    port = free_port()
    return Program([sys.executable, "-m", "tests.chaos.peers", str(port), kind], port, env={"PYTHONPATH": str(ROOT)})


@cache
def certificate() -> Path:
    """The folder of a certificate for this machine; HAProxy wants it and its key in one file."""
    files = folder()
    pair = Authority().issue("localhost").save(files, "localhost")
    (files / "both.pem").write_text("".join(Path(path).read_text() for path in pair))
    return files


def filled(template: Path, files: Path, **words: str | int | Path) -> Path:
    """The configuration with what stands for the words between @."""
    text = template.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    made = files / template.name
    made.write_text(text)
    return made


def start_pydsl_proxy(peers: Sequence[int]) -> Contender:
    """The proxy at hand."""
    plain, secure, h2 = free_port(), free_port(), free_port()
    env = {
        "CHAOS_FOLDER": str(certificate()),
        "CHAOS_PEERS": " ".join(f"127.0.0.1:{port}" for port in peers),
        "CHAOS_PORT": str(plain),
        "CHAOS_SECURE": str(secure),
        "CHAOS_H2": str(h2),
    }
    return Contender(proxy_of(HERE / "proxy.py", plain, env), plain, secure, h2)


def start_nginx(peers: Sequence[int]) -> Contender:
    """nginx, as a single process."""
    command, files = require("nginx", "apt-get install nginx"), certificate()
    plain, secure, h2 = free_port(), free_port(), free_port()
    servers = " ".join(f"server 127.0.0.1:{port};" for port in peers)
    config = filled(HERE / "nginx.conf", files, folder=files, servers=servers, port=plain, secure=secure, h2=h2)
    return Contender(Program([command, "-p", files, "-e", "stderr", "-c", config], plain), plain, secure, h2)


def start_haproxy(peers: Sequence[int]) -> Contender:
    """HAProxy, with a single thread."""
    command, files = require("haproxy", "apt-get install haproxy"), certificate()
    plain, secure, h2 = free_port(), free_port(), free_port()
    servers = "\n    ".join(f"server peer{number} 127.0.0.1:{port}" for number, port in enumerate(peers))
    config = filled(HERE / "haproxy.cfg", files, folder=files, servers=servers, port=plain, secure=secure, h2=h2)
    return Contender(Program([command, "-db", "-q", "-f", config], plain), plain, secure, h2)


CONTENDERS: dict[str, Callable[[Sequence[int]], Contender]] = {
    "pydsl_proxy": start_pydsl_proxy,
    "nginx": start_nginx,
    "haproxy": start_haproxy,
}
