"""Peers and clients of WebSockets of other people's making."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from socket import socket
from typing import TypeVar

from twisted.trial.unittest import SkipTest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.integration.support import PROGRAMS, ROOT, Program, folder, free_port, require

# The package "ws" is there; .ci/run installs it.
NODE_MODULES = ROOT / ".node" / "node_modules"
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    # Without it a headless browser that is told nothing to do but a page would end with it.
    "--remote-debugging-port=0",
)


T = TypeVar("T")

TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname = False
TRUSTING.verify_mode = ssl.CERT_NONE


class LibraryClient:
    """The asyncio client of the websockets library, which runs within each call and not between; a context manager.

    Its other one, for threads, reads and writes TLS in two threads at once, and waits for ever now and then.
    """

    def __init__(
        self,
        url: str,
        *,
        compression: str | None = None,
        subprotocols: Iterable[str] = (),
        fields: dict[str, str] | None = None,
        sock: socket | None = None,
    ) -> None:
        self._runner = asyncio.Runner()
        try:
            self.connection = self.run(self._open(url, compression, subprotocols, fields, sock))
        except BaseException:
            self._runner.close()
            raise

    async def _open(
        self,
        url: str,
        compression: str | None,
        subprotocols: Iterable[str],
        fields: dict[str, str] | None,
        sock: socket | None,
    ) -> ClientConnection:
        return await connect(
            url,
            ssl=TRUSTING if url.startswith("wss:") else None,
            compression=compression,
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            additional_headers=fields,
            sock=sock,
            proxy=None,
            max_size=None,
            max_queue=1,
            ping_interval=None,
        )

    def run(self, what: Coroutine[object, object, T], seconds: float = 30) -> T:
        """What *what* returns; raises TimeoutError if that takes longer."""

        async def within() -> T:
            async with asyncio.timeout(seconds):
                return await what

        return self._runner.run(within())

    @property
    def fields(self) -> dict[str, str]:
        """Those of the 101."""
        response = self.connection.response
        assert response is not None
        return dict(response.headers.raw_items())

    @property
    def closed(self) -> tuple[int | None, str | None]:
        """The code and the reason with which it was closed."""
        return self.connection.close_code, self.connection.close_reason

    def send(self, message: str | bytes | Iterable[str] | Iterable[bytes]) -> None:
        """Send a message, or the fragments of one."""
        self.run(self.connection.send(message))

    def receive(self) -> str | bytes:
        """The next message."""
        return self.run(self.connection.recv())

    def count(self) -> int:
        """How many bytes the next message has; it is not kept."""

        async def read() -> int:
            return sum([len(fragment) async for fragment in self.connection.recv_streaming(decode=False)])

        return self.run(read())

    def ping(self, data: bytes) -> None:
        """Send a ping, and await the pong with the same data."""

        async def ask() -> None:
            await (await self.connection.ping(data))

        self.run(ask())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and await the answer."""
        self.run(self.connection.close(code, reason))

    def await_close(self) -> tuple[int | None, str | None]:
        """Read on until it is closed, and tell with which code and reason."""
        self.run(self.connection.wait_closed())
        return self.closed

    def __enter__(self) -> LibraryClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
        self._runner.close()


def library_peer(*files: str) -> Program:
    """The server of the websockets library; over TLS with the *files* of a certificate and its key."""
    port = free_port()
    return Program([sys.executable, "-W", "error", PROGRAMS / "websocket_peer.py", str(port), *files], port)


def ws_peer() -> Program:
    """The server of Node's ``ws``."""
    node, env = _node()
    port = free_port()
    return Program([node, PROGRAMS / "ws_peer.js", str(port)], port, env=env)


def ws_client(url: str) -> object:
    """What a conversation of Node's ``ws`` with an echo at *url* has come to."""
    node, env = _node()
    command = [node, str(PROGRAMS / "ws_client.js"), url]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


@cache
def _node() -> tuple[str, dict[str, str]]:
    node, env = require("node", "apt-get install nodejs"), {"NODE_PATH": str(NODE_MODULES)}
    asked = subprocess.run(
        [node, "-e", "require('ws')"], env={**os.environ, **env}, capture_output=True, timeout=30, check=False
    )
    if asked.returncode:
        raise SkipTest(f"Node's ws is not installed: npm install --prefix {NODE_MODULES.parent.name} ws@8")
    return node, env


@contextmanager
def browser(url: str) -> Iterator[None]:
    """A browser that has opened *url*, and stays there."""
    command = [require("chromium", "apt-get install chromium"), *CHROMIUM, f"--user-data-dir={folder()}", url]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)
