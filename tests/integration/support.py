"""Programs as processes of their own: started on a free port, awaited until they listen, stopped by their id.

``PYDSL_PROXY_REACTOR`` names the reactor on which the proxy runs, as ``twist --reactor`` knows it.
"""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import IO, TypeVar

from twisted.trial.unittest import SkipTest

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).with_name("programs")

# Seconds for what comes in a moment on a machine that has nothing else to do: a bound for a fault, not for a load.
PATIENCE = 60.0
STARTS_WITHIN, STOPS_WITHIN = 90.0, 60.0

# Below what Linux gives to outgoing connections (net.ipv4.ip_local_port_range), so that none takes the port meanwhile.
PORTS = range(10_000, 32_000)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def reach(address: int | str) -> socket.socket:
    """A connection to a port of this machine, or to the UNIX socket at a path."""
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), PATIENCE)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def listens(address: int | str) -> bool:
    """Whether somebody accepts connections there."""
    try:
        reach(address).close()
    except OSError:
        return False
    return True


def wait_until(reached: Callable[[], object], seconds: float, what: str) -> None:
    """Return as soon as *reached* is true; fail with *what* was awaited if it is not within *seconds*."""
    end = monotonic() + seconds
    while not reached():
        if monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        sleep(0.02)


def settled(measure: Callable[[], T]) -> T:
    """What *measure* gives once it has given the same for a second; fails if it goes on changing."""
    before, same, end = measure(), 0, monotonic() + PATIENCE
    while same < 10:
        sleep(0.1)
        now = measure()
        before, same = now, same + 1 if now == before else 0
        if monotonic() > end:
            raise AssertionError(f"not within {PATIENCE:g} s: the same {before!r} for a second")
    return before


def require(name: str, remedy: str) -> str:
    """The path of a program; skips the test where it is not installed."""
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise SkipTest(f"{name} is not installed: {remedy}")
    return path


def folder() -> Path:
    """A folder for a program's files, short enough for the path of a UNIX socket; removed when all tests have run."""
    path = Path(tempfile.mkdtemp(prefix="pydsl-"))
    _until_exit().callback(shutil.rmtree, path, ignore_errors=True)
    return path


class Program:
    """A process that listens at *address*, a port or the path of a UNIX socket; started when it is made.

    It has started when it listens there and has written *ready*, for one that listens at several addresses.  It is a
    context manager, and stopped at its end.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        address: int | str,
        *,
        env: Mapping[str, str] | None = None,
        ready: str = "",
    ) -> None:
        self.address = address
        self._ready = ready
        self.name = Path(command[0]).name
        self._command = [*_ended_with_us(), *map(str, command)]
        self._env = {**os.environ, **(env or {})}
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._started_at = os.fstat(self._output.fileno()).st_size
        process = self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output
        )
        try:
            wait_until(lambda: process.poll() is not None or self._is_up(), STARTS_WITHIN, "a listening port")
            if process.poll() is not None:
                raise AssertionError(f"it ended with {process.returncode}")
        except AssertionError as error:
            output = self.output()
            self.stop()
            raise AssertionError(f"{self.name} did not start: {error}\n{output}") from None
        return process

    def _is_up(self) -> bool:
        return self._ready in self._read(self._started_at) and listens(self.address)

    @property
    def pid(self) -> int:
        """The process that was started; it may have children."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def port(self) -> int:
        """The TCP port."""
        assert isinstance(self.address, int)
        return self.address

    def output(self) -> str:
        """The end of what it has written."""
        return self._read(max(0, os.fstat(self._output.fileno()).st_size - 4000))

    def _read(self, start: int) -> str:
        # The process writes at the offset that its descriptor shares with this one: a seek would move it.
        return os.pread(self._output.fileno(), 1 << 20, start).decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended; negative for the signal that ended it."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again, after it has ended."""
        self._start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


@cache
def shared(start: Callable[[], Program]) -> Program:
    """The program that *start* starts, once for all tests; stopped when they have run."""
    return _until_exit().enter_context(start())


def proxy(config: str, address: int | str, env: Mapping[str, str] | None = None) -> Program:
    """``twist pydsl-proxy`` with the text of a configuration that listens at *address*."""
    file = folder() / "proxy.py"
    file.write_text(config)
    return proxy_of(file, address, env)


def proxy_of(file: Path, address: int | str, env: Mapping[str, str] | None = None) -> Program:
    """``twist pydsl-proxy`` with the configuration in *file*; its coverage is measured if that of the tests is."""
    twist: list[str | Path] = [PROGRAMS / "measured_twist.py"] if _measures_coverage() else ["-m", "twisted"]
    reactor = os.environ.get("PYDSL_PROXY_REACTOR")
    options = [f"--reactor={reactor}"] if reactor else []
    command = [sys.executable, "-W", "error", *twist, *options, "pydsl-proxy", "--config", file]
    # Twisted's runner says so once every listener is open, or, with an application that starts first, will be.
    return Program(command, address, env={"PYTHONPATH": str(ROOT), **(env or {})}, ready="Starting reactor")


def python_peer(name: str = "peer", address: int | str | None = None) -> Program:
    """The peer that needs nothing but Python; it says *name* when it is asked."""
    address = free_port() if address is None else address
    return Program([sys.executable, "-W", "error", PROGRAMS / "peer.py", name, str(address)], address)


def memory(pid: int) -> int:
    """Bytes of a process that are in memory (its resident set)."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except FileNotFoundError:
        raise SkipTest("the memory of a process is read from /proc, which is not here") from None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@cache
def _until_exit() -> ExitStack:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack


def _ended_with_us() -> list[str]:
    """What starts a program so that it does not outlive tests that are killed; util-linux has it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _measures_coverage() -> bool:
    module = sys.modules.get("coverage")
    return module is not None and module.Coverage.current() is not None
