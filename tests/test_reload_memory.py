"""What a reload replaces is freed at once: a large configuration must not wait for a full collection of garbage."""

from __future__ import annotations

import gc
from threading import Thread
from weakref import ref

from pydsl_proxy.config.loading.load import load
from pydsl_proxy.tap import Command
from tests.test_tap import Case, ThreadedReactor

RELOADS = 20
LOCATIONS = 8
FILE = """
from pydsl_proxy import client_address, http, regex, server, upstream
app = upstream("app", "10.0.0.1:80", "10.0.0.2:80")
web = server(8080).compress().limit_requests("100/s")
web = web.error_page(502, to="/sorry").location("/sorry").respond(502, "sorry")
for number in range({locations}):
    web = web.location(f"/{{number}}/").set_request_header("X-Number", f"{{number}} {version}").proxy_to(app)
    inner = web.location(f"/{{number}}/in/").set_response_header("X-Number", f"{{number}} {{client_address}}")
    web = inner.proxy_to(app, path="/")
    web = web.location(regex(f"^/{{number}}[.]")).timeouts(connect=1 + number).proxy_to(app)
    web = web.location(f"/{{number}}/ws").websocket_to(app)
    web = web.location(f"/{{number}}/files/").serve_files("/srv")
proxy = http(web{mistake})
"""
LATE = '.location("/users").basic_auth("/nowhere/users").respond(200)'


class ReloadMemoryTests(Case):
    """The file is read again as after SIGHUP, while the collector is switched off."""

    def setUp(self) -> None:
        """A large configuration at work."""
        super().setUp()
        self.change(0)
        self.reactor = ThreadedReactor()
        self.command = Command(str(self.path), load(self.path), self.reactor)
        self.command.startService()
        self.addCleanup(lambda: self.successResultOf(self.command.stopService()))
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def change(self, version: int, mistake: str = "", locations: int = LOCATIONS) -> None:
        """Let every location differ from that of another version."""
        self.write(FILE.format(locations=locations, version=version, mistake=mistake))

    def reload(self) -> None:
        """Read the file again, and put it in force in as many turns as that takes."""
        self.command.read_again()
        self.reactor.turn()
        while self.command._reloads.locked:
            self.reactor.advance(0)
        self.reactor.advance(0)

    def test_replaced(self) -> None:
        """Neither a replaced configuration nor anything of it is there afterwards."""
        compiled = self.command._compiled
        replaced: list[object] = [compiled, *compiled.sites.values()]
        old = [ref(each) for each in replaced]
        del compiled, replaced
        self.change(1)
        self.reload()
        self.assertEqual([each() for each in old], [None, None])

    def test_flat(self) -> None:
        """After twenty reloads there are as many objects as after two."""
        self.assert_flat("")

    def test_mistakes(self) -> None:
        """What has mistakes does not stay either."""
        self.assert_flat(", loop_lag=-1")

    def test_late_mistakes(self) -> None:
        """What has mistakes that are found by reading files does not stay either."""
        self.assert_flat(LATE)

    def test_late_mistakes_in_turns(self) -> None:
        """The same holds of a large file, which is compiled in many turns."""
        self.assert_flat(LATE, locations=100, reloads=4)

    def test_no_python(self) -> None:
        """What ends by another exception does not stay either."""
        self.assert_flat(", 1 // 0")

    def assert_flat(self, mistake: str, locations: int = LOCATIONS, reloads: int = RELOADS) -> None:
        """Reload again and again; at the end there are no more objects than after the second time."""
        numbers: list[int] = []
        for version in range(1, reloads + 1):
            self.change(version, mistake, locations)
            self.reload()
            numbers.append(len(gc.get_objects()))
        # Not one a reload, but for those that stay behind the thread in which the file runs.
        allowed = (reloads - 2) * left_by_a_thread()
        self.assertLess(numbers[-1] - numbers[1] - allowed, reloads - 2)


def left_by_a_thread() -> int:
    """Objects that stay behind a thread that has ended: none, but for those of a tool that measures coverage."""
    numbers: list[int] = []
    for _ in range(3):
        thread = Thread(target=gc.isenabled)
        thread.start()
        thread.join()
        del thread
        numbers.append(len(gc.get_objects()))
    return numbers[2] - numbers[1]
