"""``python -m tests.bench [--rounds N] [--seconds N] [scenario …]``.

Per scenario a table: what a unit of work costs the proxy in CPU time, user and system, and that as a ratio to nginx,
the median of the ratios within each round.  CPU time depends less on who else is at work than requests per second.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import sleep

from attrs import frozen
from twisted.trial.unittest import SkipTest

from tests.bench.client import Connection, load
from tests.bench.contenders import CONTENDERS, OTHER_CORE, PROXY_CORE, on_core, start_peer
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.integration.support import Program, memory

REFERENCE = "nginx"
# The share of the proxy's core from which on other programs are told of.
DISTURBED = 0.1
TICKS = os.sysconf("SC_CLK_TCK")


@frozen
class Sample:
    """One contender in one round: the cost of a unit, units a second, milliseconds, and others' share of the core."""

    cost: float
    rate: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    others: float = 0.0


Rounds = list[dict[str, Sample]]


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, with all its threads and the children it has now (proc(5))."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(words[11]) + int(words[12])) / TICKS + sum(cpu(int(child)) for child in children)


def busy(core: int) -> float:
    """Seconds for which a core has been busy: all but its idle time and its waiting for disks."""
    line = next(each for each in Path("/proc/stat").read_text().splitlines() if each.startswith(f"cpu{core} "))
    words = [int(word) for word in line.split()[1:9]]
    return (sum(words) - sum(words[3:5])) / TICKS


@contextmanager
def awake(program: Program, scenario: Scenario) -> Iterator[None]:
    """Run a program that is frozen otherwise: some are busy even when they are idle."""
    program.signal(signal.SIGCONT)
    try:
        yield
    finally:
        if scenario.fastcgi:
            # What clients have left is answered yet, and closed: each process of PHP-FPM waits for the close.
            sleep(0.7)
        program.signal(signal.SIGSTOP)


def measure(program: Program, scenario: Scenario, seconds: int) -> Sample:
    """One round of one contender."""
    with awake(program, scenario):
        before, busy_before = cpu(program.pid), busy(PROXY_CORE)
        figures = load(program.port, scenario, seconds)
        spent, all_spent = cpu(program.pid) - before, busy(PROXY_CORE) - busy_before
    if not figures.done or figures.failed > figures.done // 100:
        raise AssertionError(f"{figures.failed} requests failed, {figures.done} did not")
    units = figures.bytes / 1e9 if scenario.bulk else figures.done / 1e6
    rate = figures.bytes / 1e6 if scenario.bulk else figures.done
    others = (all_spent - spent) / figures.seconds
    return Sample(spent / units, rate / figures.seconds, figures.p50, figures.p99, others)


def measure_idle(start: Callable[[int | str, Scenario], Program], peer: Program, scenario: Scenario) -> Sample:
    """What a connection costs a new process that has been warmed up."""
    with ExitStack() as stack:
        with on_core(PROXY_CORE):
            program = stack.enter_context(start(peer.address, scenario))
        for _ in range(100):
            Connection(program.port, scenario).socket.close()
        sleep(0.5)
        before = memory(program.pid)
        for _ in range(scenario.connections):
            stack.enter_context(Connection(program.port, scenario).socket)
        sleep(0.5)
        return Sample((memory(program.pid) - before) / scenario.connections)


def measured(scenario: Scenario, rounds: int, seconds: int) -> Rounds:
    """Every contender once a round, each round beginning with another; those that cannot be started are told of."""
    with ExitStack() as stack:
        with on_core(OTHER_CORE):
            peer = stack.enter_context(start_peer(scenario))
        measures: dict[str, Callable[[], Sample]] = {}
        for name, start in CONTENDERS.items():
            try:
                measures[name] = _measuring(stack, scenario, peer, start, seconds)
            except SkipTest as reason:
                print(f"without {name}: {reason}", file=sys.stderr)
        results: Rounds = []
        with on_core(OTHER_CORE):
            for number in range(rounds):
                names = list(measures)
                first = number % len(names)
                results.append({name: measures[name]() for name in names[first:] + names[:first]})
        return results


def _measuring(
    stack: ExitStack, scenario: Scenario, peer: Program, start: Callable[[int | str, Scenario], Program], seconds: int
) -> Callable[[], Sample]:
    """What measures one contender, which is started, warmed up and frozen."""
    if scenario.idle:
        return lambda: measure_idle(start, peer, scenario)
    with on_core(PROXY_CORE):
        program = stack.enter_context(start(peer.address, scenario))
    stack.callback(program.signal, signal.SIGCONT)
    with on_core(OTHER_CORE):
        measure(program, scenario, 1)
    return lambda: measure(program, scenario, seconds)


def table(scenario: Scenario, results: Rounds) -> str:
    """The medians, as Markdown."""
    rate = "MB/s" if scenario.bulk else "requests/s"
    columns = ["", scenario.unit, f"× {REFERENCE}", *([] if scenario.idle else [rate, "p50 ms", "p99 ms"])]
    lines = [f"\n{scenario.name}: {scenario.title}\n", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name in [each for each in CONTENDERS if results and each in results[0]]:
        samples = [each[name] for each in results]
        ratios = [
            each[name].cost / each[REFERENCE].cost for each in results if REFERENCE in each and each[REFERENCE].cost
        ]
        cells = [
            name,
            f"{median(each.cost for each in samples):,.{0 if scenario.idle else 2 if scenario.bulk else 1}f}",
            f"{median(ratios):.2f}" if ratios else "–",
        ]
        if not scenario.idle:
            cells += [f"{median(each.rate for each in samples):,.0f}"]
            cells += [f"{median(getattr(each, key) for each in samples):.2f}" for key in ("p50", "p99")]
        lines.append(f"| {' | '.join(cells)} |")
    if (others := max(sample.others for each in results for sample in each.values())) > DISTURBED:
        lines.append(f"\nother programs took up to {others:.0%} of the proxy's core: measure again when it is quiet")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What a request costs the proxy.")
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(SCENARIOS) + "; all unless told")
    parser.add_argument("--rounds", type=int, default=5, help="of every contender (5)")
    parser.add_argument("--seconds", type=int, default=3, help="of load in each round (3)")
    options = parser.parse_args()
    if unknown := [name for name in options.scenarios if name not in SCENARIOS]:
        parser.error(f"there is no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    for name in options.scenarios or SCENARIOS:
        try:
            results = measured(SCENARIOS[name], options.rounds, options.seconds)
        except SkipTest as reason:
            print(f"without {name}: {reason}", file=sys.stderr)
        else:
            print(table(SCENARIOS[name], results), flush=True)


if __name__ == "__main__":
    main()
