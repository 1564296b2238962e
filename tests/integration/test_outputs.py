"""A proxy whose outputs nobody reads goes on, and ends when it is asked to."""

from __future__ import annotations

import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.support import (
    PATIENCE,
    ROOT,
    STARTS_WITHIN,
    STOPS_WITHIN,
    folder,
    free_port,
    listens,
    reach,
    wait_until,
)

# Together more than a pipe takes, many times.
REQUESTS, LENGTH = 600, 4000


class OutputTests(SynchronousTestCase):
    """Both standard outputs are pipes, which is how supervisors start their programs."""

    def test_nobody_reads(self) -> None:
        """Every request is answered, signals are heeded, and the process ends with 0."""
        port, path = free_port(), folder() / "proxy.py"
        path.write_text(f'from pydsl_proxy import server\nproxy = server({port}).location("/").respond(200, "ok")\n')
        command = [sys.executable, "-m", "twisted", "pydsl-proxy", "--config", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.addCleanup(process.kill)
            wait_until(lambda: listens(port), STARTS_WITHIN, "a listening port")
            request = b"GET /" + b"x" * LENGTH + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            for number in range(REQUESTS):
                with reach(port) as client:
                    client.settimeout(PATIENCE)
                    client.sendall(request)
                    self.assertEqual(client.recv(12), b"HTTP/1.1 200")
                if number == REQUESTS // 2:
                    process.send_signal(signal.SIGUSR1)
                    process.send_signal(signal.SIGHUP)
            process.terminate()
            self.assertEqual(process.wait(STOPS_WITHIN), 0)
