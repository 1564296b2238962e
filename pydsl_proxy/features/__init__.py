"""Features of a scope: each folder or file holds one whole, its steps, filters and state."""
