"""Tests of what ``fastcgi()`` takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, host, upstream, upstream_tls
from tests.support.failing import mistake

MAKE = cast("Callable[..., object]", fastcgi)
SPLIT = r"^(.+?\.php)(/.*)$"


class FastCgiTests(SynchronousTestCase):
    """``fastcgi(…)``."""

    def test_defaults(self) -> None:
        """No scripts, no params of one's own, no kept connections (nginx's fastcgi_keep_conn off)."""
        made = fastcgi()
        self.assertEqual((made.root, made.index, made.split_path_info, made.params), (None, None, None, ()))
        self.assertFalse(made.keep_conn or made.only_existing)
        self.assertEqual(repr(made), "fastcgi()")

    def test_repr(self) -> None:
        """The code that made it."""
        made = fastcgi(
            root=Path("/srv"),
            index="index.php",
            split_path_info=SPLIT,
            only_existing=True,
            params={"APP_ENV": "prod", "ASKED": host, "HTTPS": None},
            keep_conn=True,
        )
        self.assertEqual(
            repr(made),
            f"fastcgi(root='/srv', index='index.php', split_path_info={SPLIT!r}, only_existing=True, "
            "params={'APP_ENV': 'prod', 'ASKED': host, 'HTTPS': None}, keep_conn=True)",
        )
        self.assertEqual(eval(repr(made), {"fastcgi": fastcgi, "host": host}), made)

    def test_known(self) -> None:
        """Two that say the same are the same: an upstream lives on."""
        one, other = (upstream("php", "a:1", via=fastcgi(root="/srv", params={"A": "b"})) for _ in range(2))
        self.assertEqual({one}, {other})
        self.assertNotEqual(one, upstream("php", "a:1", via=fastcgi(root="/srv", params={"A": "c"})))

    def test_root(self) -> None:
        """It is an absolute path: PHP has a folder of its own."""
        for wrong in ("www", "", "./www", "/srv\0", Path("www")):
            message, hint = mistake(MAKE, root=wrong)
            self.assertIn("is not an absolute path", message)
            self.assertIn('write root="/srv/www"', str(hint))
        self.assertIn("must be the path of a folder, not 5", mistake(MAKE, root=5)[0])

    def test_without_root(self) -> None:
        """What is about scripts wants one."""
        for option in ({"index": "index.php"}, {"split_path_info": SPLIT}, {"only_existing": True}):
            message, hint = mistake(MAKE, **option)
            self.assertIn("are about scripts below a root", message)
            self.assertEqual(hint, 'write fastcgi(root="/srv/www", …)')

    def test_index(self) -> None:
        """It is the name of a file."""
        for wrong in ("a/b.php", "", 5, "a\0"):
            message, hint = mistake(MAKE, root="/srv", index=wrong)
            self.assertEqual(message, f"fastcgi(index=…): {wrong!r} is not the name of a file")
            self.assertEqual(hint, 'write index="index.php"')

    def test_split(self) -> None:
        """It is a pattern of two groups."""
        for wrong, told in (
            (5, "must be a pattern, not 5"),
            ("(", "is no pattern"),
            (r"^(.+\.php)", "has 1 groups, not two"),
            ("", "has 0 groups, not two"),
        ):
            message, hint = mistake(MAKE, root="/srv", split_path_info=wrong)
            self.assertIn(told, message)
            self.assertEqual(hint, f'write split_path_info=r"{SPLIT}"')

    def test_switches(self) -> None:
        """On is True."""
        self.assertEqual(mistake(MAKE, keep_conn="on")[0], "fastcgi(keep_conn=…) must be True or False, not 'on'")
        self.assertIn("only_existing=…) must be", mistake(MAKE, root="/srv", only_existing=1)[0])

    def test_tls(self) -> None:
        """PHP-FPM has none."""
        self.assertIn("does not speak over TLS", mistake(upstream, "a", "a:1", via=fastcgi(), tls=upstream_tls())[0])
