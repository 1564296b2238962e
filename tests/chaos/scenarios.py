"""What goes wrong, and how one run of it goes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from time import monotonic, sleep

from attrs import frozen

from tests.chaos.contenders import Contender, peer
from tests.chaos.loads import GIVES_UP, Figures
from tests.integration.support import ROOT, Program

Happens = Callable[[Sequence[Program], float], None]


def nothing(peers: Sequence[Program], end: float) -> None:
    """Peers are as they are."""


def in_turn(peers: Sequence[Program], end: float) -> None:
    """Each second one is killed and started again, the next one a second later."""
    for victim in cycle(peers):
        sleep(1)
        if monotonic() > end - 1:
            return
        victim.kill()
        victim.restart()


def all_down(peers: Sequence[Program], end: float) -> None:
    """All are killed; a second later they are started again."""
    sleep(1)
    for each in peers:
        each.kill()
    sleep(1)
    for each in peers:
        each.restart()


@frozen
class Scenario:
    """A fault of peers, or an attack by a client."""

    name: str
    title: str
    peers: tuple[str, ...] = ("good", "good")
    happens: Happens = nothing
    attack: str = ""
    #: Whether every GET could have been answered.
    lossless: bool = True


@frozen
class Result:
    """What the load has seen of a contender, and whether that was still up at the end."""

    scenario: str
    contender: str
    gets: Figures
    posts: Figures
    up: bool
    #: The most memory in use, in MiB: until half of the time, and until the end.  None where there is no /proc.
    memory: tuple[float, float] | None = None


THREE = ("good", "good", "good")
ATTACKS = {
    "websocket-messages": "1 MB of WebSocket messages of one byte",
    "websocket-fragments": "1 MB of WebSocket fragments of one byte",
    "websocket-pings": "1 MB of WebSocket pings",
    "http2-data": "100,000 DATA frames of one byte",
    "http2-table": "header blocks that name a long entry 8,000 times",
    "http2-resets": "10,000 streams, reset at once",
    "chunks": "1 MB in chunks of one byte",
    "pipeline": "10,000 requests at once, their answers not read",
    "odd-bytes": "7,000 bytes of 0xFF in a field",
    "slow-heads": "200 clients that send a byte of a head now and then",
    "slow-handshakes": "200 clients that send a byte of a TLS handshake now and then",
}

SCENARIOS = {
    each.name: each
    for each in (
        Scenario("in-turn", "of three peers one is killed and restarted each second, in turn", THREE, in_turn),
        Scenario("all-down", "all peers are killed, and back after a second", THREE, all_down, lossless=False),
        Scenario("slow", "one of three peers answers after 0.3 s", ("good", "slow", "good")),
        Scenario("reset", "one of three peers resets within its answer", ("good", "reset", "good"), lossless=False),
        Scenario("closes", "one of three peers accepts and closes", ("good", "closes", "good")),
        Scenario("garbage", "one of three peers is a server of SSH", ("good", "garbage", "good")),
        Scenario("deaf", "one of three peers never reads", ("good", "deaf", "good")),
        *(Scenario(name, title, attack=name) for name, title in ATTACKS.items()),
    )
}


@contextmanager
def beside(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A program of the suite that runs meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def peak(program: Program) -> float | None:
    """The most memory that a program has had so far, in MiB (``VmHWM``)."""
    try:
        status = Path(f"/proc/{program.pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return None if found is None else int(found[1]) / 1024


def run(
    scenario: Scenario, name: str, start: Callable[[Sequence[int]], Contender], seconds: float, rate: float
) -> Result:
    """One contender in one scenario."""
    with ExitStack() as stack:
        peers = [stack.enter_context(peer(kind)) for kind in scenario.peers]
        contender = start([each.port for each in peers])
        stack.enter_context(contender.program)
        if scenario.attack:
            command = ["tests.chaos.attacks", scenario.attack, contender.ports, str(seconds)]
            stack.enter_context(beside(command))
        command = ["tests.chaos.loads", str(contender.plain), str(seconds), str(rate)]
        load = stack.enter_context(beside(command))
        half = monotonic() + seconds / 2
        scenario.happens(peers, monotonic() + seconds)
        sleep(max(0, half - monotonic()))
        first = peak(contender.program)
        output, _ = load.communicate(timeout=seconds + GIVES_UP + 60)
        second = peak(contender.program)
        figures = {method: Figures(**each) for method, each in json.loads(output).items()}
        memory = None if first is None or second is None else (first, second)
        return Result(scenario.name, name, figures["GET"], figures["POST"], contender.program.runs, memory)
