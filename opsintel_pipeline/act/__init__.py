"""Act: what is written to the outside."""
