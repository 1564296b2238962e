"""What the documentation shows is run, and what users can import is documented."""

from __future__ import annotations

import os
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from unittest import TestCase, TestResult, defaultTestLoader

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
import pydsl_proxy.testing
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.testing import run

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)

_IN_REST = re.compile(r"^\.\. code-block:: python\n((?:   +:.*\n)*)\n((?:(?:   .*)?\n)+)", re.MULTILINE)
_IN_MARKDOWN = re.compile(r"^```python\n()(.*?)^```$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r":caption: (\w+\.py)")
_DOCUMENTED = re.compile(r"^ *\.\. (?:auto|py:)\w+:: (?:pydsl_proxy\.)?(?:testing\.)?(\w+)", re.MULTILINE)


@frozen
class Block:
    """Python in a page; it has a *name* where its caption is that of a file, which blocks after it may read."""

    page: Path
    line: int
    name: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page that are whole: they import what they use."""
    text = page.read_text() + "\n"
    for found in (_IN_MARKDOWN if page.suffix == ".md" else _IN_REST).finditer(text):
        code = dedent(found[2])
        line = text.count("\n", 0, found.start()) + 1
        caption = _CAPTION.search(found[1])
        if re.search(r"^from pydsl_proxy[\w.]* import", code, re.MULTILINE):
            yield Block(page, line, caption[1] if caption else f"block_{line}.py", code)


class ConsoleTests(SynchronousTestCase):
    """Commands in ``docs/``, ``examples/`` and README.md."""

    def test_signals(self) -> None:
        """No process is looked for by its name or command line: others have the same."""
        pages = (*PAGES, ROOT / "README.md", *(ROOT / "examples").rglob("*.py"))
        found = [str(page) for page in pages if re.search(r"\b(pgrep|pkill|killall|pidof)\b", page.read_text())]
        self.assertEqual(found, [])


class BlockTests(SynchronousTestCase):
    """Code in ``docs/`` and README.md."""

    def test_run(self) -> None:
        """Each whole block runs; its ``proxy`` compiles, and its tests pass."""
        for page in (*PAGES, ROOT / "README.md"):
            folder = Path(self.mktemp())
            folder.mkdir(parents=True)
            for block in blocks_of(page):
                with self.subTest(block=str(block)):
                    self.run_block(block, folder)

    def run_block(self, block: Block, folder: Path) -> None:
        """Write the block to a file in *folder* and run it there."""
        (folder / block.name).write_text(block.code)
        before = os.getcwd()
        os.chdir(folder)
        try:
            names = runpy.run_path(block.name)
            config = names.get("proxy")
            if isinstance(config, Http | Server | Stream):
                run(config)
            for value in names.values():
                if isinstance(value, type) and issubclass(value, TestCase) and value.__module__ == "<run_path>":
                    result = TestResult()
                    defaultTestLoader.loadTestsFromTestCase(value).run(result)
                    self.assertEqual([text for _, text in (*result.failures, *result.errors)], [])
        except Exception as error:
            raise AssertionError(f"{block}: {type(error).__name__}: {error}") from error
        finally:
            os.chdir(before)

    def test_found(self) -> None:
        """There are such blocks: the patterns still fit the pages."""
        self.assertGreater(sum(1 for page in PAGES for _ in blocks_of(page)), 20)
        self.assertEqual(len(list(blocks_of(ROOT / "README.md"))), 1)


class ReferenceTests(SynchronousTestCase):
    """``docs/reference/``."""

    documented = frozenset(
        name for page in (DOCS / "reference").glob("*.rst") for name in _DOCUMENTED.findall(page.read_text())
    )

    def test_names(self) -> None:
        """Every public name is in it."""
        self.assertEqual(sorted({*pydsl_proxy.__all__} - self.documented), [])

    def test_testing(self) -> None:
        """So is every name of the kit for tests."""
        self.assertEqual(sorted({*pydsl_proxy.testing.__all__} - self.documented), [])

    def test_defaults(self) -> None:
        """The pages name each limit of clients with its default."""
        page = (DOCS / "reference" / "defaults.rst").read_text()
        for line in re.findall(r"^ +(\w+): (?:int|float) = (.+),$", _signature_of_clients(), re.MULTILINE):
            self.assertIn(f"``{line[0]}={line[1]}``", page)


def _signature_of_clients() -> str:
    source = Path(sys.modules["pydsl_proxy.config.client_limits"].__file__ or "").read_text()
    return source.partition("def clients(")[2].partition(")")[0]
