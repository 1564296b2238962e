"""Tests of ``params=``."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, client_address, fastcgi, header, scgi, uwsgi
from tests.support.failing import mistake


def tenant(request: Request) -> str:
    """A function of the request."""
    return request.host


class ParamsTests(SynchronousTestCase):
    """Names to values."""

    def test_spelled(self) -> None:
        """Each of the three takes them, and tells them as they are written."""
        for make, name in ((fastcgi, "fastcgi"), (uwsgi, "uwsgi"), (scgi, "scgi")):
            made = make(params={"A": "b", "C": f"{client_address}!", "D": tenant, "E": None})
            self.assertEqual(
                repr(made), f"{name}(params={{'A': 'b', 'C': f\"{{client_address}}!\", 'D': tenant, 'E': None}})"
            )
            self.assertEqual(make(params={}), make())

    def test_mistakes(self) -> None:
        """Each has its words."""
        make = cast("Callable[..., object]", fastcgi)
        for given, told in (
            ([("A", "b")], "fastcgi(params=…) must be a dictionary"),
            ("A=b", "fastcgi(params=…) must be a dictionary"),
            ({"A-B": "c"}, "'A-B' is not the name of a param"),
            ({5: "c"}, "5 is not the name of a param"),
            ({"": "c"}, "'' is not the name of a param"),
            ({"CONTENT_LENGTH": "5"}, "CONTENT_LENGTH says where the request ends"),
            ({"A": 5}, "A: 5 (int) is no value"),
            ({"A": header}, "A: header needs a name"),
            ({"A": "b\0c"}, "A: a value has no NUL"),
        ):
            self.assertIn(told, mistake(make, params=given)[0])
