"""Files that an application has checked: it answers with X-Accel-Redirect, and the proxy sends the file.

twist pydsl-proxy --config examples/steering/proxy.py
"""

from pathlib import Path

from pydsl_proxy import server, upstream

PROTECTED = Path(__file__).with_name("protected")

app = upstream("app", "127.0.0.1:8000")

proxy = (
    server(8080)
    # Only for whom the application sends here.
    .location("/protected/")
    .internal()
    .serve_files(PROTECTED)
    # A partner's server may not send clients there.
    .location("/partner/")
    .ignore_response_header("X-Accel-Redirect", "X-Accel-Limit-Rate", "X-Accel-Buffering")
    .proxy_to("192.0.2.7:80")
    .location("/")
    .proxy_to(app)
)
