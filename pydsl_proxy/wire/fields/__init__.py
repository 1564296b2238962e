"""Single header fields, each read and written as its specification says."""
