"""Tests of what ``.heartbeat()`` takes; what it does is in the conversations."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import minutes, server
from pydsl_proxy.config.features import filters_of
from pydsl_proxy.features.heartbeats import Heartbeat
from tests.support.failing import mistake


class VerbTests(SynchronousTestCase):
    """The call."""

    def test_code(self) -> None:
        """Its repr is the call, without what is as by default."""
        made = server(80).heartbeat().heartbeat(5, silence=10 * minutes).heartbeat(None)
        verbs = [feature.as_verb() for feature in made.features]
        self.assertEqual(verbs, ["heartbeat()", "heartbeat(5, silence=600)", "heartbeat(None)"])

    def test_overrides(self) -> None:
        """The innermost holds, and it stands between buffers and codings whatever the order written."""
        made = server(80).heartbeat(5).compress().heartbeat(None).buffer_response()
        names = [type(each).__name__ for each in filters_of(made.features)]
        self.assertEqual(names, ["BufferResponse", "Heartbeat", "Compress"])
        self.assertIn(Heartbeat(None), filters_of(made.features))

    def test_mistakes(self) -> None:
        """Both are times, and the first comment comes before the peer is given up."""
        beat = server(80).heartbeat
        self.assertEqual(mistake(beat, 0)[0], "heartbeat(seconds) must be more than 0 seconds, not 0")
        self.assertEqual(mistake(beat, cast("float", "15s"))[1], "write 15")
        self.assertEqual(mistake(beat, 15, silence=cast("float", "1h"))[1], "write 1 * hours")
        self.assertEqual(
            mistake(beat, 15, silence=10),
            (
                "heartbeat(15, silence=10): the peer is given up before the first comment",
                "write silence=3600, or leave it out",
            ),
        )
        self.assertIn("heartbeat(7200, silence=3600): the peer is given up before", mistake(beat, 7200)[0])
        self.assertEqual(mistake(beat, None, silence=90)[1], "write heartbeat(silence=90)")
