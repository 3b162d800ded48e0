"""mbox files."""
