"""Pages in place of errors."""
