"""Gunicorn behind examples/gunicorn/proxy.py."""

# On the loopback alone: who could come past the proxy could be anybody.
bind = "127.0.0.1:8000"

# Its sync workers, the default, keep no connections: each request would need a new one.
worker_class = "gthread"
workers = 2
threads = 4

# Seconds; longer than the proxy keeps an idle connection (keepalive_timeout=4).
keepalive = 5

# Whose X-Forwarded-Proto makes wsgi.url_scheme "https".  This is the default; a proxy on another machine is named here.
forwarded_allow_ips = "127.0.0.1,::1"
