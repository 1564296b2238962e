"""A WebSocket peer that says again what it is told: ``python ws_echo.py PORT``."""

from __future__ import annotations

import sys

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol


class Echo(WebSocketServerProtocol):
    """One connection."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Say it again."""
        self.sendMessage(payload, isBinary)


if __name__ == "__main__":
    from twisted.internet import reactor

    factory = WebSocketServerFactory()
    factory.protocol = Echo
    reactor.listenTCP(int(sys.argv[1]), factory, interface="127.0.0.1")
    reactor.run()
