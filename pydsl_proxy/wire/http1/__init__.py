"""HTTP/1.1: heads from bytes, heads to bytes, and the chunked coding (RFC 9112)."""
