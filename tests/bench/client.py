"""The load: ``python -m tests.bench.client PORT SCENARIO SECONDS`` prints its figures as JSON.

The requests of small scenarios are sent by wrk where it is installed, as it costs less.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from socket import create_connection
from tempfile import NamedTemporaryFile
from time import perf_counter

from attrs import asdict, frozen

from tests.bench.scenarios import SCENARIOS, Scenario
from tests.support.websockets import ASK, BINARY, frame

# What a browser sends, more or less.
FIELDS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "application/json, text/plain, */*",
    "Accept-Language": "de-CH,de;q=0.8,en;q=0.5,en-US;q=0.3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "https://www.example.org/orders?page=3",
    "Cookie": "id=0b7f2c64a91d4e0f; lang=de; consent=essential; csrf=4tFv0nQ2sWzYc8Lx",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
}


@frozen(kw_only=True)
class Figures:
    """What a load has done; ``seconds`` it took, ``p50`` and ``p99`` are milliseconds until a response is complete."""

    done: int
    seconds: float
    bytes: int
    failed: int
    p50: float
    p99: float


def request(scenario: Scenario, number: int = 0) -> bytes:
    """One request, or one message."""
    if scenario.websocket:
        return frame(BINARY, bytes(scenario.sends), masked=True)
    fields = {"Host": "www.example.org", **FIELDS}
    if scenario.unique:
        fields["X-Request-Id"] = f"{number:012d}"
    method = "GET"
    if scenario.sends:
        method, fields["Content-Length"] = "POST", str(scenario.sends)
    lines = [f"{method} {scenario.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + bytes(scenario.sends)


class Connection:
    """One client; its responses are all as long as the first."""

    def __init__(self, port: int, scenario: Scenario) -> None:
        self.socket = create_connection(("127.0.0.1", port), 30)
        self.left = self.length = 0
        self.out = memoryview(b"")
        self.began = 0.0
        if scenario.websocket:
            self._open()
            self.length = len(frame(BINARY, bytes(scenario.sends)))
            return
        self.socket.sendall(request(scenario))
        data = b""
        while not (found := data.partition(b"\r\n\r\n"))[1]:
            data += self._receive()
        fields = dict(line.lower().split(b": ", 1) for line in found[0].split(b"\r\n")[1:])
        if not data.startswith(b"HTTP/1.1 200 ") or b"content-length" not in fields:
            raise AssertionError(f"the answer is not of the kind expected: {found[0]!r}")
        self.length = len(found[0]) + 4 + int(fields[b"content-length"])
        received = len(data)
        while received < self.length:
            received += len(self._receive())

    def _open(self) -> None:
        """Make a WebSocket of it."""
        self.socket.sendall(ASK)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        if not data.startswith(b"HTTP/1.1 101 "):
            raise AssertionError(f"the answer grants no WebSocket: {data!r}")

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 16)
        if not data:
            raise AssertionError("the connection was closed")
        return data

    def ask(self, data: bytes) -> None:
        """Send a request; what cannot be sent yet is left in ``out``."""
        self.began = perf_counter()
        self.left = self.length
        self.out = memoryview(data)
        self.send()

    def send(self) -> None:
        """Send more."""
        try:
            self.out = self.out[self.socket.send(self.out) :]
        except BlockingIOError:
            pass


def run(port: int, scenario: Scenario, seconds: float) -> Figures:
    """Ask over all connections until the time is over."""
    connections = [Connection(port, scenario) for _ in range(scenario.connections)]
    buffer, took, received, failed = bytearray(1 << 18), list[float](), 0, 0
    plain = request(scenario)
    with DefaultSelector() as selector:
        for each in connections:
            each.socket.setblocking(False)
            selector.register(each.socket, EVENT_READ | (EVENT_WRITE if scenario.bulk else 0), each)
            each.ask(plain)
        start = perf_counter()
        end = start + seconds
        while (now := perf_counter()) < end and failed < scenario.connections:
            for key, events in selector.select(1):
                each = key.data
                if events & EVENT_WRITE and each.out:
                    each.send()
                    selector.modify(each.socket, EVENT_READ | (EVENT_WRITE if each.out else 0), each)
                if not events & EVENT_READ:
                    continue
                size = each.socket.recv_into(buffer)
                each.left -= size
                received += size
                if not size or each.left < 0:
                    failed += 1
                    selector.unregister(each.socket)
                elif not each.left:
                    took.append(perf_counter() - each.began)
                    each.ask(request(scenario, len(took)) if scenario.unique else plain)
                    if each.out:
                        selector.modify(each.socket, EVENT_READ | EVENT_WRITE, each)
    for each in connections:
        each.socket.close()
    took.sort()
    return Figures(
        done=len(took),
        seconds=now - start,
        bytes=len(took) * scenario.sends or received,
        failed=failed,
        p50=took[len(took) // 2] * 1e3 if took else 0,
        p99=took[len(took) * 99 // 100] * 1e3 if took else 0,
    )


def run_wrk(port: int, scenario: Scenario, seconds: int) -> Figures:
    """The same by wrk."""
    script = Path(__file__).with_name("programs") / "wrk.lua"
    fields = [part for name, value in FIELDS.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "-s", str(script), *fields]
    env = {**os.environ, "UNIQUE": "1"} if scenario.unique else None
    url = f"http://127.0.0.1:{port}{scenario.path}"
    output = subprocess.run([*command, url], env=env, capture_output=True, text=True, check=True, timeout=seconds + 30)
    return Figures(**json.loads(output.stdout.splitlines()[-1]))


def run_h2load(port: int, scenario: Scenario, seconds: int) -> Figures:
    """HTTP/2, by h2load."""
    fields = [part for name, value in FIELDS.items() for part in ("-H", f"{name}: {value}")]
    with NamedTemporaryFile() as log:
        command = [
            "h2load",
            f"-c{scenario.connections}",
            f"-m{scenario.streams}",
            f"-D{seconds}",
            "--log-file",
            log.name,
        ]
        url = f"https://127.0.0.1:{port}{scenario.path}"
        subprocess.run([*command, *fields, url], capture_output=True, check=True, timeout=seconds + 30)
        rows = [line.split(b"\t") for line in log.read().splitlines()]
    took = sorted(int(micros) / 1e3 for _, status, micros, *_ in rows if status == b"200")
    return Figures(
        done=len(took),
        seconds=seconds,
        bytes=0,
        failed=len(rows) - len(took),
        p50=took[len(took) // 2] if took else 0,
        p99=took[len(took) * 99 // 100] if took else 0,
    )


def load(port: int, scenario: Scenario, seconds: int) -> Figures:
    """The load of *scenario* on the proxy at *port*, from processes of their own."""
    if scenario.streams:
        return run_h2load(port, scenario, seconds)
    if not scenario.bulk and not scenario.websocket and shutil.which("wrk"):
        return run_wrk(port, scenario, seconds)
    command = [sys.executable, "-m", "tests.bench.client", str(port), scenario.name, str(seconds)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 60)
    return Figures(**json.loads(output.stdout))


if __name__ == "__main__":
    figures = run(int(sys.argv[1]), SCENARIOS[sys.argv[2]], float(sys.argv[3]))
    print(json.dumps(asdict(figures)))
