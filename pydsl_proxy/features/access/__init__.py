"""Access control: addresses, passwords, and another server that is asked."""
