"""Tests of origins: the user's line, and how it is shown."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import cast

from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.config.loading.load import load
from pydsl_proxy.config.servers import Server
from pydsl_proxy.origin import _POSITIONS, MAX_CODES, NO_ORIGIN, Origin, here, origin_at


@frozen
class Made:
    """A value with an origin, as the config values have it."""

    origin: Origin = field(factory=here, eq=False)


@contextmanager
def in_a_block() -> Iterator[Origin]:
    """What a user's context manager sees."""
    yield here()


class HereTests(SynchronousTestCase):
    """Whose line it is."""

    def test_the_call_in_the_users_code(self) -> None:
        """Frames of this package are passed over: the line is the one that called it."""
        made = server(8080)
        self.assertEqual(made.origin.file, __file__)
        self.assertIn("made = server(8080)", made.origin.excerpt())

    def test_generated_code_is_no_users_code(self) -> None:
        """Neither attrs' __init__ nor contextlib is where something was made."""
        made = Made()
        self.assertIn("made = Made()", made.origin.excerpt())
        with in_a_block() as origin:
            self.assertIn("yield here()", origin.excerpt())

    def test_equality(self) -> None:
        """Values made on different lines are equal."""
        first = server(8080)
        second = server(8080)
        self.assertNotEqual(first.origin, second.origin)
        self.assertEqual(first, second)


class ExcerptTests(SynchronousTestCase):
    """The source line, and the carets."""

    def made(self, source: str) -> Server:
        """What *source* calls ``made``, run as a file of its own."""
        path = Path(self.mktemp())
        path.write_text(source, encoding="utf-8")
        names: dict[str, object] = {"server": server}
        exec(compile(source, str(path), "exec"), names)
        made = names["made"]
        assert isinstance(made, Server)
        return made

    def test_last_verb_of_a_chain(self) -> None:
        """The carets stand under the verb at hand, not under the chain before it."""
        made = self.made('made = server(80).location("/ä").respond(200).location("/b").respond(200)\n')
        first, second = (location.origin.excerpt() for location in made.locations)
        line = '    made = server(80).location("/ä").respond(200).location("/b").respond(200)\n'
        self.assertEqual(first, line + " " * 22 + "^" * 14)
        self.assertEqual(second, line + " " * 50 + "^" * 14)

    def test_chain_over_lines(self) -> None:
        """In a chain over several lines the verb's own line is shown."""
        made = self.made('made = (\n    server(80)\n    .location(\n        "/a"\n    )\n    .respond(200)\n)\n')
        origin = made.locations[0].origin
        self.assertEqual(origin.line, 3)
        self.assertEqual(origin.excerpt(), "        .location(\n" + " " * 9 + "^" * 9)

    def test_tabs(self) -> None:
        """A tab is shown as one blank, so that the carets stand right."""
        made = self.made("if True:\n\tmade = server(80)\n")
        self.assertEqual(made.origin.excerpt(), "     made = server(80)\n" + " " * 12 + "^" * 10)

    def test_unknown_columns(self) -> None:
        """Where CPython keeps no columns, the line is shown without carets."""
        path = Path(self.mktemp())
        path.write_text("made = 1\n", encoding="utf-8")
        self.assertEqual(Origin(str(path), 1, 1, 0, 0).excerpt(), "    made = 1")

    def test_no_source(self) -> None:
        """Source that cannot be read is not shown."""
        self.assertEqual(Origin("<string>", 1, 1, 0, 5).excerpt(), "")
        self.assertEqual(NO_ORIGIN.excerpt(), "")


class StrTests(SynchronousTestCase):
    """How a place is called."""

    def test_relative_to_the_working_directory(self) -> None:
        """A file in the working directory is called by its name alone."""
        self.assertEqual(str(Origin(os.path.join(os.getcwd(), "proxy.py"), 3, 3, 0, 1)), "proxy.py:3")
        self.assertEqual(str(Origin("/elsewhere/proxy.py", 3, 3, 0, 1)), "/elsewhere/proxy.py:3")

    def test_whole_file(self) -> None:
        """Line 0 is the file."""
        self.assertEqual(str(Origin("/elsewhere/proxy.py", 0, 0, 0, 0)), "/elsewhere/proxy.py")

    def tearDown(self) -> None:
        """Files of these tests have the same names from run to run."""
        linecache.clearcache()


class ManyCallsTests(SynchronousTestCase):
    """Files with very many calls: what a call costs does not grow with the file."""

    def test_positions_are_decoded_once(self) -> None:
        """CPython tells the positions of a code object from its first instruction on: that is asked for once."""
        lines = ["made = []", *(f"made.append(here())  # {number}" for number in range(300))]
        code = compile("\n".join(lines), "/somewhere/proxy.py", "exec")
        names: dict[str, object] = {"here": here}
        decoded = 0

        def note(frame: FrameType, event: str, argument: object) -> None:
            nonlocal decoded
            decoded += event == "c_call" and getattr(argument, "__name__", "") == "co_positions"

        sys.setprofile(note)
        try:
            exec(code, names)
        finally:
            sys.setprofile(None)
        self.assertEqual(decoded, 1)
        self.assertEqual([each.line for each in cast("list[Origin]", names["made"])], list(range(2, 302)))

    def test_any_order(self) -> None:
        """A loop goes back: each instruction has its own position whenever it is asked for."""
        code = compile("a = 1\nb = f(2)\nc = g(\n  3)\n", "/somewhere/proxy.py", "exec")
        every = list(code.co_positions())
        for number in (*reversed(range(len(every))), *range(len(every)), 3, 3, 1):
            origin = origin_at(code, number * 2)
            found = (origin.line, origin.end_line, origin.column, origin.end_column)
            self.assertEqual(found, every[number])

    def test_bounded(self) -> None:
        """What is remembered is that of few files, and nothing once a file is loaded."""
        for _ in range(MAX_CODES * 2):
            origin_at(compile("1", "/somewhere/proxy.py", "exec"), 0)
        self.assertLessEqual(len(_POSITIONS), MAX_CODES)
        path = Path(self.mktemp())
        path.write_text('from pydsl_proxy import server\nproxy = server(80).location("/").respond(200)\n', "utf-8")
        load(path)
        self.assertEqual(len(_POSITIONS), 0)
