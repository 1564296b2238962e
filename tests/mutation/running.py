"""``python -m tests.mutation.running MODULE FILE TEST…``: runs tests with the text of FILE in place of a module's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from unittest import mock


class Edited(SourceFileLoader):
    """Loads another text as a module."""

    def __init__(self, name: str, path: str, text: bytes) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        """The other text, compiled; what is cached is of the file."""
        code: CodeType = compile(self._text, self.path, "exec", dont_inherit=True)
        return code


class Finder(MetaPathFinder):
    """Finds one module, to be loaded from another text."""

    def __init__(self, name: str, text: bytes) -> None:
        self._name, self._text = name, text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module itself, with another loader."""
        spec = PathFinder.find_spec(fullname, path) if fullname == self._name else None
        if spec is not None:
            assert spec.origin is not None
            spec.loader = Edited(fullname, spec.origin, self._text)
        return spec


def main(module: str, file: str, *tests: str) -> None:
    """Run trial; its exit code is ours."""
    sys.meta_path.insert(0, Finder(module, Path(file).read_bytes()))
    sys.dont_write_bytecode = True
    from twisted.scripts.trial import run

    with mock.patch.object(sys, "argv", ["trial", "--exitfirst", f"--temp-directory={file}.trial", *tests]):
        run()


if __name__ == "__main__":
    main(*sys.argv[1:])
