"""Sockets of the data path: the event loop's poll, transports, connecting, deadlines."""
