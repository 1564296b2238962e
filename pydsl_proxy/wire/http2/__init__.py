"""HTTP/2 (RFC 9113): frames, settings, HPACK and the heads of requests and responses."""
