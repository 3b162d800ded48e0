"""What rows are measured against and that runs as a process of its own."""
