"""A peer within the test: it keeps what it is asked, and answers with the target."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from attrs import frozen


@frozen
class Asked:
    """One request; *fields* by their names in lower case, the last of a name counts."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes


class Recorder:
    """It listens at *port* from when it is made until it is stopped."""

    def __init__(self) -> None:
        asked: list[Asked] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Any request."""
                try:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                except ConnectionResetError:
                    self.close_connection = True
                    return
                fields = {name.lower(): value for name, value in self.headers.items()}
                asked.append(Asked(self.command, self.path, fields, body))
                answer = self.path.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                """Nobody reads it."""

        self.asked = asked
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
