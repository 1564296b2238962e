"""Loading a configuration file: running it, and reporting its mistakes."""
