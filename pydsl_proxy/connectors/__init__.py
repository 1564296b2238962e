"""How peers are spoken to: one protocol a file."""
