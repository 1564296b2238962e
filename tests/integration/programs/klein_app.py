"""A Klein application to mount in the proxy."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from klein import Klein

if TYPE_CHECKING:
    from twisted.web.server import Request

app = Klein()


@app.route("/where")
def where(request: Request) -> str:
    """Where it stands, and who asks."""
    return f"{request.path.decode()} {request.args[b'q'][0].decode()} {request.getClientAddress().host}"


@app.route("/echo", methods=["POST"])
def echo(request: Request) -> str:
    """What was sent."""
    assert request.content is not None
    data = request.content.read()
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}"


resource = app.resource()
