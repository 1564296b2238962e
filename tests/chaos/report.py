"""The results as tables of reStructuredText."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.loads import Figures
from tests.chaos.scenarios import Result, Scenario

COLUMNS = ("", "GETs lost", "POSTs lost", "p99 ms", "longest ms", "MiB at half, end")


def lost(figures: Figures) -> str:
    """How many of how many, and of which kinds."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(figures.lost.items()))
    return f"{sum(figures.lost.values())} of {figures.asked}" + (f" ({kinds})" if kinds else "")


def row(result: Result) -> tuple[str, ...]:
    """The cells of one contender; waits are those of GETs."""
    waits = [f"{each * 1000:,.0f}" for each in (result.gets.p99, result.gets.longest)]
    memory = "" if result.memory is None else ", ".join(f"{each:,.0f}" for each in result.memory)
    return result.contender + ("" if result.up else " (ended)"), lost(result.gets), lost(result.posts), *waits, memory


def table(scenario: Scenario, results: Sequence[Result]) -> str:
    """A table with its title."""
    rows = [COLUMNS, *map(row, results)]
    widths = [max(len(cells[at]) for cells in rows) for at in range(len(COLUMNS))]
    rule = "  ".join("=" * max(width, 3) for width in widths)
    # A first cell that is empty would go on with the row before.
    rows[0] = ("..", *COLUMNS[1:])
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in rows]
    return "\n".join([f"**{scenario.name}**: {scenario.title}", "", rule, lines[0], rule, *lines[1:], rule, ""])
