"""The rules of the house, read from the source: who may import whom, how long things may be, what is documented."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pydsl_proxy"

FILE_LINES, FUNCTION_LINES, FUNCTION_LINES_P90 = 400, 60, 25

GROUND = frozenset({"clocks", "errors", "origin", "spooling", "units"})
SEAMS = GROUND | {"wire", "values", "interfaces"}
# Each of them is one of many that are alike: a strategy, a feature, a handler, a protocol.
PARTS = frozenset({"balancing", "features", "handlers", "frontends", "connectors"})
MODEL = SEAMS | PARTS | {"observe", "config"}
RUNNING = SEAMS | {"observe", "net", "runtime"}
COMPILED = MODEL | RUNNING | {"compiler"}
EMBEDDED = COMPILED | {"service", "embedding", "testing", "explain", "convert"}

# What a part of the package may import of its other parts; the diagram is in CONTRIBUTING.md.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "origin": frozenset(),
    "clocks": frozenset(),
    "units": frozenset(),
    "wire": frozenset(),
    "errors": frozenset({"origin"}),
    "spooling": frozenset({"errors", "origin", "units"}),
    "values": frozenset({"errors", "wire"}),
    "interfaces": GROUND | {"wire", "values"},
    **dict.fromkeys(PARTS, SEAMS),
    "net": SEAMS - {"values"},
    "observe": SEAMS,
    "config": MODEL - {"config"},
    "runtime": RUNNING - {"runtime"},
    "compiler": MODEL | RUNNING,
    "convert": MODEL,
    "service": COMPILED,
    "embedding": COMPILED | {"service"},
    "testing": COMPILED | {"service"},
    "explain": COMPILED | {"service", "testing"},
    "cli": EMBEDDED,
    "tap": EMBEDDED,
    "exports": EMBEDDED,
    "__init__": frozenset({"exports"}),
}

# Modules that a folder has at most; more of them are two subjects.
FOLDER_MODULES = 20

# Distributions whose packages have another name than they do.
PROVIDED_BY = {
    "OpenSSL": "pyopenssl",
    "service_identity": "service-identity",
    "zope": "zope.interface",
    "attr": "attrs",
    "passlib": "libpass",
}


@frozen
class Source:
    """One file of the package, parsed."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path below the package, with slashes."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def part(self) -> str:
        """The part of the package that the file belongs to, a key of MAY_IMPORT."""
        return self.name.split("/")[0].removesuffix(".py")


@cache
def read_sources() -> list[Source]:
    """Every file of the package but the plugin, which is another package's."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if "_twist" not in path.parts)
    # Within a parse CPython 3.11 must not begin another one (gh-106905), as the finalizer of a failed Deferred does
    # when it formats a traceback.
    gc.disable()
    try:
        return [Source(path, text := path.read_text(), ast.parse(text, str(path))) for path in paths]
    finally:
        gc.enable()


def imports_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of all that is imported, relative imports keeping their dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)


def run(node: ast.AST, *, at_import: bool = False) -> Iterator[ast.stmt]:
    """The statements of a module, but for type checking blocks; *at_import* leaves out those inside functions too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.stmt):
            yield child
        if not (at_import and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from run(child, at_import=at_import)


def functions_in(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, those inside others too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, without those of the docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def is_annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the result and each argument has a type."""
    signature = function.args
    arguments = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs, signature.vararg, signature.kwarg]
    bare = [each.arg for each in arguments if each is not None and each.annotation is None]
    return function.returns is not None and bare in ([], ["self"], ["cls"])


class ImportTests(SynchronousTestCase):
    """Imports go one way."""

    sources = read_sources()

    def test_layers(self) -> None:
        """A part imports only from the layers under it; features know nothing of each other."""
        crossings = []
        for source in self.sources:
            self.assertIn(source.part, MAY_IMPORT, f"{source.name}: give this part its place in MAY_IMPORT")
            allowed = MAY_IMPORT[source.part] | {source.part}
            for line, name in imports_in(source.tree):
                head, _, rest = name.partition(".")
                if head == "pydsl_proxy" and rest.split(".")[0] not in allowed:
                    crossings.append(f"{source.name}:{line} imports {name}")
        self.assertEqual(crossings, [])

    def test_circles(self) -> None:
        """No module needs itself by way of others; what is imported for types alone does not count."""
        names = {f"pydsl_proxy.{source.name.removesuffix('.py').replace('/', '.')}": source for source in self.sources}
        needed = {
            name: {
                each if each in names else each.rpartition(".")[0]
                for statement in run(source.tree)
                if isinstance(statement, ast.Import | ast.ImportFrom)
                for _, each in imports_in(ast.Module([statement], []))
            }
            & set(names)
            for name, source in names.items()
        }
        while leaves := [name for name, others in needed.items() if not others]:
            needed = {name: others.difference(leaves) for name, others in needed.items() if name not in leaves}
        # What is left is in a circle, or leads to one.
        self.assertEqual(needed, {})

    def test_features(self) -> None:
        """A feature imports of the others only what stands beside their folders."""
        crossings = []
        for source in self.sources:
            folder = source.name.split("/")[1] if source.name.startswith("features/") else ""
            for line, name in imports_in(source.tree):
                other = name.removeprefix("pydsl_proxy.features.").split(".")
                is_folder = name.startswith("pydsl_proxy.features.") and (PACKAGE / "features" / other[0]).is_dir()
                if folder and is_folder and other[0] != folder:
                    crossings.append(f"{source.name}:{line} imports {name}")
        self.assertEqual(crossings, [])

    def test_absolute(self) -> None:
        """Imports name the module from its root."""
        relative = [f"{source.name}:{line} {name}" for source in self.sources for line, name in imports_in(source.tree)]
        self.assertEqual([each for each in relative if each.split()[1].startswith(".")], [])

    def test_guests(self) -> None:
        """wire and values know no reactor; autobahn has one importer."""
        strangers = []
        for source in self.sources:
            for line, name in imports_in(source.tree):
                head = name.split(".")[0]
                is_pure = source.part in {"wire", "values"} and head in {"twisted", "zope", "OpenSSL"}
                is_bridge = source.name == "handlers/websocket/autobahn_legs.py"
                if is_pure or (head in {"autobahn", "txaio"} and not is_bridge):
                    strangers.append(f"{source.name}:{line} imports {name}")
        self.assertEqual(strangers, [])

    def test_declared(self) -> None:
        """What is imported from elsewhere is a dependency that pyproject.toml names."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = [each for extra in project["optional-dependencies"].values() for each in extra]
        declared = {re.split(r"[^\w.-]", each)[0].lower() for each in (*project["dependencies"], *extras)}
        missing = set()
        for source in self.sources:
            for _, name in imports_in(source.tree):
                head = name.split(".")[0]
                if head not in sys.stdlib_module_names | {"pydsl_proxy"}:
                    missing |= {PROVIDED_BY.get(head, head)} - declared
        self.assertEqual(missing, set())

    def test_no_global_reactor(self) -> None:
        """No module asks for the reactor when it is imported: who uses it is given it."""
        at_import = [
            f"{source.name}:{line} imports {name}"
            for source in self.sources
            for statement in run(source.tree, at_import=True)
            if isinstance(statement, ast.Import | ast.ImportFrom)
            for line, name in imports_in(ast.Module([statement], []))
            if name.startswith("twisted.internet.reactor")
        ]
        self.assertEqual(at_import, [])

    def test_time_of_day(self) -> None:
        """Time is measured by clocks that are passed in: few places ask what time it is, and none asks to measure."""
        asking = {
            ("clocks.py", "time.time"),
            ("clocks.py", "time.monotonic"),
            ("net/reactors.py", "time.monotonic"),
            # Makes text of what it is given.
            ("observe/log_times.py", "time.localtime"),
            ("observe/log_times.py", "time.struct_time"),
            # Reads a date.
            ("wire/http/dates.py", "datetime.datetime"),
            # Certificates are valid from one date to another.
            ("net/tls/contexts.py", "datetime.datetime"),
            ("net/tls/key_pairs.py", "datetime.datetime"),
            ("net/tls/info.py", "datetime.datetime"),
            ("net/tls/server_files.py", "datetime.datetime"),
            # Dates of files.
            ("handlers/files/listing.py", "datetime.datetime"),
            # twisted's time.time, to know it by.
            ("net/reactors.py", "twisted.python.runtime.seconds"),
        }
        clocks = {"time", "datetime.datetime", "twisted.python.runtime.seconds"}
        found = {
            (source.name, name)
            for source in self.sources
            for _, name in imports_in(source.tree)
            # How long work takes, within one turn of the loop, is not set by anybody.
            if name in clocks or (name.startswith("time.") and name != "time.perf_counter")
        }
        self.assertEqual(found - asking, set())
        self.assertEqual(asking - found, set())

    def test_wire_alone(self) -> None:
        """The part that knows bytes can be used by itself: it imports hpack, and nothing else that is installed."""
        files = [
            each.name.removesuffix(".py").removesuffix("/__init__") for each in self.sources if each.part == "wire"
        ]
        modules = ", ".join(f"pydsl_proxy.{each.removesuffix('/__init__').replace('/', '.')}" for each in files)
        program = f"import sys\nbefore = set(sys.modules)\nimport {modules}\nprint(*set(sys.modules) - before)"
        ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
        installed = {each.partition(".")[0] for each in ran.stdout.split()} - sys.stdlib_module_names
        self.assertEqual((installed, ran.stderr), ({"pydsl_proxy", "hpack"}, ""))

    def test_import_installs_no_reactor(self) -> None:
        """Importing the package, with all that it imports, leaves the choice of the reactor open."""
        program = "import sys, pydsl_proxy; sys.exit('twisted.internet.reactor' in sys.modules)"
        self.assertEqual(subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode, 0)


class BudgetTests(SynchronousTestCase):
    """Files and functions stay short enough to be read at once."""

    sources = read_sources()

    def test_files(self) -> None:
        """No file has more lines than its budget, blank ones not counted."""
        sizes = {
            source.name: sum(not line.isspace() for line in source.text.splitlines(True)) for source in self.sources
        }
        self.assertEqual({name: size for name, size in sizes.items() if size > FILE_LINES}, {})

    def test_folders(self) -> None:
        """No folder has so many modules that they must be more than one subject."""
        sizes = Counter(source.path.parent for source in self.sources if source.path.name != "__init__.py")
        self.assertEqual({str(path): size for path, size in sizes.items() if size > FOLDER_MODULES}, {})

    def test_functions(self) -> None:
        """No function is longer than its budget, and nine in ten are much shorter; docstrings do not count."""
        lengths = {
            f"{source.name}:{function.lineno} {function.name}": length(function)
            for source in self.sources
            for function in functions_in(source.tree)
        }
        self.assertEqual({name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES}, {})
        ninth = sorted(lengths.values())[len(lengths) * 9 // 10]
        self.assertLessEqual(ninth, FUNCTION_LINES_P90)

    def test_annotations(self) -> None:
        """Every function says what it takes and gives."""
        bare = [
            f"{source.name}:{function.lineno} {function.name}"
            for source in self.sources
            for function in functions_in(source.tree)
            if not is_annotated(function)
        ]
        self.assertEqual(bare, [])

    def test_docstrings(self) -> None:
        """Every module says what it is for, but for an empty ``__init__.py``."""
        silent = [each.name for each in self.sources if each.tree.body and not ast.get_docstring(each.tree)]
        self.assertEqual(silent, [])


class NameTests(SynchronousTestCase):
    """One word a thing."""

    def test_modules(self) -> None:
        """No module of the root has a public name: ``pydsl_proxy.X`` is never both a module and what users call."""
        roots = {source.name.split("/")[0].removesuffix(".py") for source in read_sources()}
        self.assertEqual(roots & set(pydsl_proxy.__all__), set())

    def test_ci(self) -> None:
        """CI runs the command that README.md tells people to run."""
        command = (ROOT / ".ci" / "run").read_text().rstrip().splitlines()[-1]
        self.assertIn("-m tests", command)
        self.assertIn(command, (ROOT / "README.md").read_text())
