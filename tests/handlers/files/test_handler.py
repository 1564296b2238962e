"""Tests of what may be said of a location that serves files, and of what the operating system says of them."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import Request, exact, header, location, named, path, server
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Server, as_http
from pydsl_proxy.handlers.files.handler import Files
from pydsl_proxy.handlers.files.serving import NOTHING, answer_error
from pydsl_proxy.interfaces import Exchange
from tests.support.failing import mistake
from tests.support.files import FilesCase
from tests.support.recording import RecordedExchange


def chosen(request: Request) -> str:
    """A candidate of the user's own."""
    return request.path


class ArgumentTests(SynchronousTestCase):
    """The arguments of serve_files."""

    def test_verb(self) -> None:
        """A location is written as the call that made it, without what is as by default."""
        names = {name: getattr(pydsl_proxy, name) for name in pydsl_proxy.__all__} | {"chosen": chosen}
        for code in (
            "location('/').serve_files('/srv')",
            "location('/').serve_files('/srv', try_files=[path, chosen, 404])",
            "location('/').serve_files('/srv', index=['a.html', 'b.html'], browse=True)",
            "location('/').serve_files('/srv', try_files=[path, f\"{path}/\", '/index.html'])",
            "location('/').serve_files('/srv', try_files=[path, named('app')], cache_control='no-cache')",
            "location('/').serve_files('/srv', try_files=[path, 404], types={'md': 'a/b'}, default_type='c/d')",
            "location('/').serve_files('/srv', precompressed=['gzip', 'br'], keep_prefix=True, hidden=True)",
            "location('/').serve_files('/srv', index=[], follow_symlinks=False)",
        ):
            self.assertEqual(repr(eval(code, names)), code)
            self.assertEqual(eval(code, names), eval(code, names))

    def test_leads_to(self) -> None:
        """The named location among the candidates is known, so that one is missed that is not there."""
        self.assertEqual(Files("/srv", try_files=(path, named("app"))).leads_to, (named("app").path,))
        self.assertEqual(Files("/srv", try_files=(path, 404)).leads_to, ())
        self.assertEqual(Files("/srv").leads_to, ())

    def test_same(self) -> None:
        """What means the same is the same."""
        self.assertEqual(Files(cast("str", Path("/srv"))), Files("/srv"))
        self.assertEqual(
            Files("/srv", precompressed=cast("tuple[str, ...]", True)).precompressed, ("br", "zstd", "gzip")
        )
        self.assertEqual(Files("/srv", precompressed=cast("tuple[str, ...]", "gzip")).precompressed, ("gzip",))
        self.assertEqual(Files("/srv", precompressed=cast("tuple[str, ...]", False)), Files("/srv"))

    def test_mistakes(self) -> None:
        """What cannot be meant is refused, with what to write."""
        serve = location("/").serve_files
        for arguments, text, hint in (
            ({"root": ""}, "'' is no path", 'write .serve_files("/srv/www")'),
            ({"root": b"/srv"}, "is no path", 'write .serve_files("/srv/www")'),
            ({"root": "/a\0b"}, "is no path", 'write .serve_files("/srv/www")'),
            ({"index": "a.html"}, "must be a list", 'write index=["a.html"]'),
            ({"index": ["../a"]}, "'../a' is no file's name", 'write index=["index.html"]'),
            ({"index": ["a/../b"]}, "is no file's name", 'write index=["index.html"]'),
            ({"precompressed": ["gz"]}, "'gz' is no coding", "the codings are 'br', 'zstd', 'gzip'"),
            ({"types": {"a/b": "c"}}, "'a/b' is not the end of a name", 'write types={"md": "text/markdown"}'),
            ({"types": {"md": "markdown"}}, "'markdown' is not a media type", 'write "text/html; charset=utf-8"'),
            ({"default_type": "a/b\r\n"}, "is not a media type", 'write "text/html; charset=utf-8"'),
            ({"cache_control": "a\r\nb"}, "is no value", 'write cache_control="no-cache"'),
            ({"cache_control": ""}, "is no value", 'write cache_control="no-cache"'),
            ({"try_files": "/a"}, "must be a list", 'write try_files=[path, "/index.html"]'),
            ({"try_files": [path, "index.html"]}, "does not start with '/'", 'write "/index.html"'),
            ({"browse": 1}, "serve_files(browse=…) must be True or False, not 1", None),
        ):
            told = mistake(lambda given=arguments: serve(**{"root": "/srv", **given}))  # type: ignore[misc]  # of any type
            self.assertIn(text, told[0])
            self.assertEqual(told[1], hint)

    def test_candidates(self) -> None:
        """Statuses and names stand at the end alone, and there is more than one candidate."""
        serve = location("/").serve_files
        hint = 'write try_files=[path, "/index.html"], [path, named("app")] or [path, 404]'
        for candidates, text in (
            ([path], "has nothing to do if the one candidate is not there"),
            ([404, path], "404 can only be the last"),
            ([named("a"), path], "named('a') can only be the last"),
            ([path, 301], "301 is no status that can be answered"),
            ([path, True], "True is no status that can be answered"),
        ):
            self.assertIn(text, mistake(lambda given=candidates: serve("/srv", try_files=given))[0])  # type: ignore[misc]  # of any type
            self.assertEqual(mistake(lambda given=candidates: serve("/srv", try_files=given))[1], hint)  # type: ignore[misc]  # of any type
        self.assertIn("is no value", mistake(lambda: serve("/srv", try_files=[exact("/a"), 404]))[0])  # type: ignore[list-item]  # the mistake
        self.assertIn("needs a name", mistake(lambda: serve("/srv", try_files=[header, 404]))[0])  # type: ignore[list-item]  # the mistake


class CheckTests(FilesCase):
    """Roots that are not there."""

    def warnings(self, config: Server) -> list[str]:
        """What is said of *config*; all of it is warnings."""
        found = check(as_http(config))
        self.assertTrue(all(error.warning for error in found))
        self.assertTrue(all("serve_files" in (error.origin.excerpt() or "") for error in found))
        return [error.message for error in found]

    def test_missing(self) -> None:
        """A folder that is not there is worth a warning, at the verb: it may come."""
        web = server(80).location("/").serve_files("/nowhere/at/all")
        self.assertEqual(self.warnings(web), ["serve_files(): there is no folder '/nowhere/at/all'"])
        self.assertEqual(self.warnings(server(80).location("/").serve_files(self.folder())), [])

    def test_files(self) -> None:
        """A file may be the root of an exact path only, and a folder hardly can."""
        root = self.folder(a_txt="x")
        at = server(80).location(exact("/a"))
        self.assertEqual(self.warnings(at.serve_files(root / "a.txt")), [])
        self.assertEqual(self.warnings(at.serve_files(root, keep_prefix=True)), [])
        self.assertIn("is one path, and", self.warnings(at.serve_files(root))[0])
        self.assertIn("there is no folder", self.warnings(at.serve_files(root / "a.txt", keep_prefix=True))[0])
        self.assertIn("there is no folder", self.warnings(server(80).location("/").serve_files(root / "a.txt"))[0])


class ErrorTests(SynchronousTestCase):
    """What the operating system says of a file."""

    def answered(self, number: int) -> tuple[int, str]:
        """Status and cause of the answer."""
        exchange = RecordedExchange()
        answer_error(cast("Exchange", exchange), OSError(number, "no", b"/srv/a"))
        assert exchange.failure is not None
        return exchange.failure.status, exchange.failure.cause

    def test_refused(self) -> None:
        """What may not be read is 403."""
        self.assertEqual(self.answered(errno.EACCES), (403, "forbidden"))
        self.assertEqual(self.answered(errno.EPERM), (403, "forbidden"))

    def test_missing(self) -> None:
        """What is not there is for others to answer."""
        for number in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
            exchange = RecordedExchange()
            self.assertIs(answer_error(cast("Exchange", exchange), OSError(number, "no")), NOTHING)
            self.assertIsNone(exchange.failure)

    def test_too_many(self) -> None:
        """No room for another open file is 503, an error of the disk 500; both are logged."""
        self.assertEqual(self.answered(errno.EMFILE), (503, "too_many_files"))
        self.assertEqual(self.answered(errno.EIO), (500, "file_error"))
